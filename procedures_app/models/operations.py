"""What agents do: operations that were begun and finished, the history of work, and what is enforced."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet
from sessions_app.models.reach import ConversationQuerySet

#: The rule for every kind that has none of its own.
ANY_KIND = "*"
#: The hub's own kind: whatever an agent writes through any door.
MEMORY_WRITE = "memory_write"


class Mode(models.TextChoices):
    OFF = "off", "Off"
    ADVISE = "advise", "Advise"
    STRICT = "strict", "Strict"


class Operation(models.Model):
    """One piece of an agent's work: begun (memory consulted) and finished (result learned).

    The consultation token is shown once; its digest is kept. It is good until the operation ends or expires.
    """

    class Status(models.TextChoices):
        BEGUN = "begun", "Under way"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        ABANDONED = "abandoned", "Abandoned"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    user_id = models.TextField(null=True)
    session_id = models.TextField(null=True)
    agent_id = models.TextField(null=True)
    key_id = models.UUIDField(null=True, help_text="The API key that began it; only its holder uses the token.")
    task_id = models.TextField(null=True)
    kind = models.TextField(help_text="What kind of work, such as deployment.")
    task = models.TextField(help_text="What is to be done, in words.")
    context = models.JSONField(default=dict, db_default={})
    input_digest = models.TextField(default="", db_default="", help_text="SHA-256 of kind, task and context.")
    mode = models.TextField(choices=Mode.choices, help_text="What was enforced when it was begun.")
    token_digest = models.TextField(unique=True)
    status = models.TextField(choices=Status.choices, default=Status.BEGUN, db_default="begun")
    guidance = models.JSONField(default=dict, db_default={}, help_text="What memory said when it was begun.")
    confidence = models.FloatField(default=0.0, db_default=0.0)
    procedure = models.TextField(default="", db_default="", help_text="Name of the recommended procedure.")
    procedure_required = models.BooleanField(default=False, db_default=False)
    result = models.JSONField(null=True)
    error_message = models.TextField(default="", db_default="")
    duration_ms = models.BigIntegerField(null=True)
    begun_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "memory_operations"
        ordering = ["-begun_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="begun", finished_at=None) | (~Q(status="begun") & Q(finished_at__isnull=False)),
                name="operation_ends_once",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "-begun_at"], name="operations_newest"),
            models.Index(fields=["tenant_id", "kind", "agent_id", "-begun_at"], name="operations_by_kind"),
            models.Index(fields=["expires_at"], condition=Q(status="begun"), name="operations_expiring"),
        ]

    def __str__(self) -> str:
        return self.task[:80]


class WorkRecord(models.Model):
    """One thing that was done, so that it is not done twice. ``operation`` None: done without consulting."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    user_id = models.TextField(null=True)
    session_id = models.TextField(null=True)
    agent_id = models.TextField(null=True)
    operation = models.ForeignKey(Operation, null=True, on_delete=models.SET_NULL, related_name="work")
    task_id = models.TextField(null=True)
    kind = models.TextField(help_text="What kind of work, such as deployment.")
    action = models.TextField(help_text="What was done, in words.")
    input = models.JSONField(null=True)
    output = models.JSONField(null=True)
    input_digest = models.TextField(help_text="SHA-256 of action and input, the same for the same work.")
    success = models.BooleanField(null=True)
    error_message = models.TextField(null=True)
    duration_ms = models.IntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ConversationQuerySet.as_manager()

    class Meta:
        db_table = "work_history"
        verbose_name_plural = "work history"
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["tenant_id", "-created_at"], name="work_newest"),
            models.Index(fields=["tenant_id", "task_id", "-created_at"], name="work_by_task"),
            models.Index(fields=["tenant_id", "input_digest", "-created_at"], name="work_by_digest"),
        ]

    def __str__(self) -> str:
        return self.action[:80]


class EnforcementRule(models.Model):
    """Whether work of a kind needs a consultation, and which procedure it has to follow.

    ``kind`` is a slug, ``*`` for every kind without a rule, or ``memory_write`` for all that agents write.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    kind = models.TextField()
    mode = models.TextField(choices=Mode.choices)
    procedure = models.ForeignKey(
        "procedures_app.Procedure",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="enforced_by",
        help_text="In strict mode, work of this kind ends well only with a completed run of it.",
    )
    note = models.TextField(default="", db_default="", blank=True)
    version = models.IntegerField(default=1, db_default=1)
    changed_by = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "operation_rules"
        ordering = ["tenant_id", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "kind"], name="one_rule_per_kind"),
            models.CheckConstraint(condition=~Q(kind=MEMORY_WRITE) | Q(procedure=None), name="writes_follow_none"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.mode}"
