"""What outlives a session: snapshots of its context and the decisions taken."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from sessions_app.models.reach import ConversationQuerySet


class ContextSnapshot(models.Model):
    """The context at one moment; ``importance`` in 1..10."""

    class ContextType(models.TextChoices):
        TASK = "task", "Task"
        SYSTEM = "system", "System"
        ERROR = "error", "Error"
        DECISION = "decision", "Decision"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    session_id = models.TextField()
    user_id = models.TextField(null=True)
    timestamp = models.DateTimeField(db_default=Now())
    context_type = models.TextField(choices=ContextType.choices)
    context_data = models.JSONField()
    tags = ArrayField(models.TextField(), default=list)
    importance = models.IntegerField(default=5)
    expires_at = models.DateTimeField(null=True)
    author = models.TextField(default="")

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "context_snapshots"
        ordering = ["-timestamp"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(importance__gte=1, importance__lte=10), name="snapshot_importance_range"
            ),
            models.CheckConstraint(
                condition=models.Q(context_type__in=["task", "system", "error", "decision"]),
                name="snapshot_type_known",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "session_id", "-timestamp"], name="snapshots_of_session"),
            models.Index(fields=["expires_at"], name="snapshots_expiring"),
        ]

    def __str__(self) -> str:
        return f"{self.context_type} of {self.session_id}"


class Decision(models.Model):
    """What was decided, why, and what else was considered."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    session_id = models.TextField(null=True)
    user_id = models.TextField(null=True)
    title = models.TextField()
    decision = models.TextField()
    rationale = models.TextField(default="")
    alternatives = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    author = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now())

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "decision_logs"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["tenant_id", "session_id", "-created_at"], name="decisions_of_session")]

    def __str__(self) -> str:
        return self.title
