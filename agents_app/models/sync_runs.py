"""Sync runs: one per agent and time."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet


class SyncRun(models.Model):
    """What bringing one agent up to date did. ``counts``: whole numbers by name, as conflicts_resolved."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        DEMAND = "demand", "On demand"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    agent_id = models.TextField()
    user_id = models.TextField(null=True, help_text="Only what is about this user; empty: everything.")
    trigger = models.TextField(choices=Trigger.choices)
    forced = models.BooleanField(default=False, db_default=False, help_text="Everything again, not only what changed.")
    status = models.TextField(choices=Status.choices, default=Status.WAITING, db_default="waiting")
    requested_by = models.TextField(default="", db_default="")
    since_seq = models.BigIntegerField(default=0, db_default=0, help_text="Number in the feed that it started after.")
    through_seq = models.BigIntegerField(null=True)
    counts = models.JSONField(default=dict, db_default={})
    errors = models.JSONField(default=list, db_default=[])
    steps_done = ArrayField(models.TextField(), default=list, db_default=[], help_text="Steps that need no more work.")
    claimed_until = models.DateTimeField(null=True, help_text="Whoever works on it is given up for lost after this.")
    attempts = models.IntegerField(default=0, db_default=0, help_text="Times that its process ended without notice.")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_sync_runs"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "agent_id", "user_id"],
                condition=Q(status="waiting"),
                name="one_waiting_run_per_agent",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "agent_id", "-created_at"], name="sync_runs_of_agent"),
            models.Index(
                fields=["claimed_until", "created_at"],
                condition=Q(status__in=["waiting", "running"]),
                name="sync_runs_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.status}"

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.DONE, self.Status.FAILED)

    @property
    def duration_ms(self) -> int | None:
        """From the first work on it to its end; None while it is not over."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)
