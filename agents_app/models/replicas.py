"""Copies of slices on the agents' side, and what they pushed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet


class Replica(models.Model):
    """One SQLite copy of an agent's slice. ``acked_seq``: what it said to have applied of the feed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    agent_id = models.TextField()
    user_id = models.TextField(null=True, help_text="Holds what is about this user only; empty: the whole slice.")
    name = models.TextField(default="", db_default="")
    epoch = models.IntegerField(help_text="The hub's epoch that it was filled in.")
    acked_seq = models.BigIntegerField(default=0, db_default=0)
    fill_floor = models.BigIntegerField(
        default=0, db_default=0, help_text="Up to here tombstones were gone already when it last began at 0."
    )
    applied = models.BigIntegerField(default=0, db_default=0)
    merged = models.BigIntegerField(default=0, db_default=0)
    conflicts = models.BigIntegerField(default=0, db_default=0)
    rejected = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.TextField(default="", db_default="")
    last_pull_at = models.DateTimeField(null=True)
    last_push_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_replicas"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["tenant_id", "agent_id"], name="replicas_of_agent")]

    def __str__(self) -> str:
        return self.name or str(self.id)


class PushedChange(models.Model):
    """What became of one pushed change, so that pushing it again answers the same and does nothing."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField()
    replica = models.ForeignKey(Replica, on_delete=models.CASCADE, related_name="pushed")
    change_id = models.UUIDField(help_text="Made by the replica.")
    answer = models.JSONField()
    at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_pushed_changes"
        constraints = [models.UniqueConstraint(fields=["replica", "change_id"], name="pushed_once")]
        indexes = [models.Index(fields=["at"], name="pushed_changes_age")]

    def __str__(self) -> str:
        return str(self.change_id)
