"""The outbox: what changed, and who must still hear of it."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.visibility import TenantQuerySet, tenant_rows
from memoryhub.access.walls import writes_global


class OutboxQuerySet(TenantQuerySet):
    """Rows of the caller's tenants; those of global entries belong to whoever may write global entries."""

    def visible_to(self, principal: Principal) -> Self:
        reach = tenant_rows(principal)
        return self.filter(reach | Q(tenant_id__isnull=True) if writes_global(principal) else reach)


class SyncEvent(models.Model):
    """Object X reached version N. ``payload`` carries ids and versions, never values."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(default=new_id)
    tenant_id = models.TextField(null=True)
    event_type = models.TextField(help_text="For example entry.stored, entry.deleted, entry.erased, messages.added.")
    context_key = models.TextField()
    object_id = models.UUIDField()
    version = models.IntegerField()
    source_system = models.TextField()
    target_systems = ArrayField(models.TextField())
    priority = models.TextField(default="medium")
    payload = models.JSONField(default=dict)
    timestamp = models.DateTimeField(db_default=Now())
    processed = models.BooleanField(default=False, db_default=False)
    processed_at = models.DateTimeField(null=True)
    error = models.TextField(null=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        db_table = "memory_sync_events"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "event_id"], name="sync_event_once", nulls_distinct=False)
        ]
        indexes = [
            models.Index(fields=["object_id", "version"], name="sync_events_of_object"),
            models.Index(fields=["timestamp"], name="sync_events_age"),
            models.Index(fields=["id"], condition=Q(processed=False), name="sync_events_open"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.context_key} v{self.version}"


class Delivery(models.Model):
    """One store's copy of an event. A newer version of the same object supersedes older ones still waiting.

    While a relay handles it, ``claimed_until`` and ``next_at`` say until when; a claim that ran out belongs to a
    relay that died, and the delivery is due again.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        DONE = "done", "Delivered"
        PARKED = "parked", "Parked: needs a human"
        SUPERSEDED = "superseded", "Superseded by a newer version"

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(SyncEvent, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    tenant_id = models.TextField(null=True)
    store = models.TextField()
    object_id = models.UUIDField()
    version = models.IntegerField()
    status = models.TextField(choices=Status.choices, default=Status.PENDING, db_default="pending")
    attempts = models.IntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(db_default=Now())
    claimed_until = models.DateTimeField(null=True)
    error = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        db_table = "memory_sync_deliveries"
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["store", "next_at", "id"], condition=Q(status="pending"), name="deliveries_due"),
            models.Index(
                fields=["object_id", "store", "id"], condition=Q(status="pending"), name="deliveries_in_order"
            ),
            models.Index(fields=["object_id", "store", "id"], condition=Q(status="parked"), name="deliveries_parked"),
            models.Index(
                fields=["object_id", "store", "claimed_until"],
                condition=Q(status="pending", claimed_until__isnull=False),
                name="deliveries_claimed",
            ),
            models.Index(fields=["event"], name="deliveries_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.store}: {self.object_id} v{self.version}"


class Heartbeat(models.Model):
    """A sign of life of a process or job; the watchdog and health read it."""

    name = models.TextField(primary_key=True)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        db_table = "memory_heartbeats"

    def __str__(self) -> str:
        return self.name


class JobRun(models.Model):
    """One run of a scheduled job: when, how long, and what it did."""

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        LOST = "lost", "Lost: its process ended"

    id = models.BigAutoField(primary_key=True)
    job = models.TextField()
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    outcome = models.TextField(choices=Outcome.choices, default=Outcome.RUNNING)
    did = models.JSONField(default=dict)
    error = models.TextField(default="")

    class Meta:
        db_table = "memory_job_runs"
        ordering = ["-id"]
        indexes = [models.Index(fields=["job", "-id"], name="job_runs_by_job")]

    def __str__(self) -> str:
        return f"{self.job} at {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def duration(self) -> str:
        return f"{(self.finished_at - self.started_at).total_seconds():.2f} s" if self.finished_at else "–"

    @property
    def summary(self) -> str:
        """What it did, in words: only what is not zero."""
        did = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in self.did.items() if count)
        return did or "nothing to do"


class HubEpoch(models.Model):
    """One row: a restore from backup raises it, so that replicas know to start afresh."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.IntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "memory_hub_epoch"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="hub_epoch_single_row")]

    def __str__(self) -> str:
        return str(self.epoch)
