"""How an agent works with memory: its priority, retention, strategy and what it is good at."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet


class Rank(models.TextChoices):
    """An agent's priority. ``memory_agent_rank`` in SQL gives the numbers that compare them: critical is 4, low 1."""

    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"

    @property
    def number(self) -> int:
        return {"critical": 4, "high": 3, "medium": 2, "low": 1}[self.value]


class Strategy(models.TextChoices):
    """How a conflict is decided."""

    LATEST_WINS = "latest_wins", "Latest wins"
    HIGHEST_IMPORTANCE = "highest_importance", "Highest importance"
    AGENT_PRIORITY = "agent_priority", "Agent priority"
    MERGE_CONTENT = "merge_content", "Merge content"
    MANUAL_REVIEW = "manual_review", "Manual review"


class AgentProfile(models.Model):
    """Beside the identity of the same ``agent_id`` in the access house, whose ``active`` decides whether it may act."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    agent_id = models.TextField()
    priority = models.TextField(choices=Rank.choices, default=Rank.MEDIUM, db_default="medium")
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Days that its short_term memories live; empty: the hub's setting."
    )
    conflict_strategy = models.TextField(
        choices=Strategy.choices, blank=True, default="", db_default="", help_text="Empty: the hub's setting."
    )
    memory_types = ArrayField(
        models.TextField(),
        default=list,
        blank=True,
        db_default=[],
        help_text="Types that it may store, the first is its default; empty: all.",
    )
    specialties = ArrayField(models.TextField(), default=list, blank=True, db_default=[])
    capabilities = ArrayField(models.TextField(), default=list, blank=True, db_default=[])
    description = models.TextField(blank=True, default="", db_default="")
    version = models.IntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    # how its sync stands
    last_synced_at = models.DateTimeField(null=True, blank=True)
    next_sync_at = models.DateTimeField(db_default=Now())
    sync_failures = models.IntegerField(default=0, db_default=0, help_text="Failed runs since the last good one.")
    synced_seq = models.BigIntegerField(
        default=0, db_default=0, help_text="Number in its feed up to which the last good run came."
    )
    sync_totals = models.JSONField(
        default=dict, blank=True, db_default={}, help_text="What all its runs did together; runs themselves are purged."
    )
    retention_applied = models.FloatField(
        null=True, blank=True, help_text="Days by which its stored short_term memories end; empty: not looked at yet."
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "memory_agent_profiles"
        verbose_name = "agent profile"
        ordering = ["tenant_id", "agent_id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "agent_id"], name="profile_once_per_agent"),
            models.CheckConstraint(
                condition=Q(retention_days=None) | Q(retention_days__gte=1), name="retention_positive"
            ),
        ]
        indexes = [models.Index(fields=["next_sync_at"], name="profiles_due_for_sync")]

    def __str__(self) -> str:
        return self.agent_id
