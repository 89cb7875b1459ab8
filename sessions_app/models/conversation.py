"""Sessions, their messages and tasks."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from sessions_app.models.reach import ConversationQuerySet, OfSessionQuerySet


class Session(models.Model):
    """One conversation or piece of work. ``message_count`` is the last message's number, too."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ENDED = "ended", "Ended"
        EXPIRED = "expired", "Expired"
        ARCHIVED = "archived", "Archived"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session_id = models.TextField()
    tenant_id = models.TextField()
    user_id = models.TextField(null=True)
    context_snapshot = models.JSONField(default=dict)
    active_agents = ArrayField(models.TextField(), default=list)
    start_time = models.DateTimeField(db_default=Now())
    last_activity = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    end_reason = models.TextField(default="")
    status = models.TextField(choices=Status.choices, default=Status.ACTIVE)
    metadata = models.JSONField(default=dict)
    current_agent = models.TextField(null=True)
    previous_agent = models.TextField(null=True)
    critical_facts = models.JSONField(default=dict)
    working_memory = models.JSONField(default=dict)
    long_term_refs = models.JSONField(default=list)
    message_count = models.IntegerField(default=0)
    role_counts = models.JSONField(default=dict, help_text="Messages per role.")
    summary = models.TextField(default="")
    version = models.IntegerField(default=1, help_text="Raised by each change of state, not by messages.")
    state_written_at = models.DateTimeField(null=True, help_text="When the entry session_state_… was last written.")
    projection_due = models.BooleanField(
        default=False, db_default=False, help_text="The index rows of all its messages must be compared anew."
    )

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "memory_session_context"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "session_id"], name="session_once_per_tenant"),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "ended", "expired", "archived"]), name="session_status_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "user_id", "-last_activity"], name="sessions_of_user"),
            models.Index(fields=["last_activity"], condition=models.Q(status="active"), name="sessions_idle"),
        ]

    def __str__(self) -> str:
        return self.session_id

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.ACTIVE


class Message(models.Model):
    """One turn. ``sequence`` has no gaps within its session."""

    class Role(models.TextChoices):
        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"
        SYSTEM = "system", "System"
        TOOL = "tool", "Tool"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages", db_index=False)
    sequence = models.IntegerField()
    role = models.TextField(choices=Role.choices)
    name = models.TextField(null=True, help_text="The speaker.")
    content = models.TextField()
    metadata = models.JSONField(default=dict)
    author = models.TextField(default="")
    at = models.DateTimeField(db_default=Now(), help_text="When it was said.")
    created_at = models.DateTimeField(db_default=Now())

    objects = OfSessionQuerySet.as_manager()

    class Meta:
        db_table = "memory_session_messages"
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(fields=["session", "sequence"], name="message_number_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["user", "assistant", "system", "tool"]), name="message_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.sequence} {self.role}"


class Task(models.Model):
    """A piece of work of a session, known to its agents by ``task_id``."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        IN_PROGRESS = "in_progress", "In progress"
        BLOCKED = "blocked", "Blocked"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="tasks", db_index=False)
    task_id = models.TextField()
    description = models.TextField()
    status = models.TextField(choices=Status.choices, default=Status.PENDING)
    priority = models.TextField(default="medium")
    assigned_agent = models.TextField(null=True)
    result = models.JSONField(null=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    objects = OfSessionQuerySet.as_manager()

    class Meta:
        db_table = "memory_session_tasks"
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["session", "task_id"], name="task_once_per_session"),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "in_progress", "blocked", "completed", "cancelled"]),
                name="task_status_known",
            ),
        ]

    def __str__(self) -> str:
        return self.task_id
