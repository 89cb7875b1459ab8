"""The change feed: what each agent must know to keep a copy of its slice, numbered per agent."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from memoryhub.access.visibility import TenantQuerySet


class ChangeFeed(models.Model):
    """The counter of one agent's feed. Its row lock makes numbers visible in their order."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField()
    agent_id = models.TextField()
    last_seq = models.BigIntegerField(default=0, db_default=0)
    purged_through = models.BigIntegerField(
        default=0, db_default=0, help_text="Tombstones up to here are gone: a replica behind it starts afresh."
    )
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_change_feeds"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "agent_id"], name="one_feed_per_agent")]

    def __str__(self) -> str:
        return f"{self.agent_id} at {self.last_seq}"


class FeedItem(models.Model):
    """The newest thing that an agent must know about one object: an older item of it gives way (log compaction).

    ``put``: the object is in the agent's slice at ``version``. ``gone``: it is not any more; ``reason`` says why
    (revoked, deleted, erased, archived, moved). ``conflict``: ``object_id`` is a conflict that concerns the agent.
    """

    class Kind(models.TextChoices):
        PUT = "put", "In the slice"
        GONE = "gone", "Left the slice"
        CONFLICT = "conflict", "Conflict"

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField()
    agent_id = models.TextField()
    seq = models.BigIntegerField()
    kind = models.TextField(choices=Kind.choices)
    object_id = models.UUIDField()
    version = models.IntegerField(default=0, db_default=0)
    can_write = models.BooleanField(default=False, db_default=False)
    grant_id = models.UUIDField(null=True, help_text="What opened it; a grant made anew is news. Empty: its own.")
    user_id = models.TextField(null=True, help_text="Whom the entry is about.")
    reason = models.TextField(default="", db_default="")
    at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_change_feed"
        ordering = ["tenant_id", "agent_id", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "agent_id", "seq"], name="feed_number_once"),
            models.UniqueConstraint(fields=["object_id", "tenant_id", "agent_id"], name="feed_newest_of_object"),
        ]
        indexes = [
            models.Index(fields=["at"], condition=models.Q(kind__in=["gone", "conflict"]), name="feed_tombstones_age")
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} #{self.seq}: {self.kind} {self.object_id}"
