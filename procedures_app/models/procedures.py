"""Operational procedures: versions that are published and stay as they are, and at most one draft."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet


class StepKind(models.TextChoices):
    INSTRUCTION = "instruction", "Instruction for the agent"
    CONFIRMATION = "confirmation", "Confirmation by a person"
    HTTP = "http", "HTTP call"
    MEMORY = "memory", "Memory action"
    PROCEDURE = "procedure", "Another procedure"


class OnFailure(models.TextChoices):
    RETRY = "retry", "Try again, then ask a person"
    ROLL_BACK = "roll_back", "Roll back what was done"
    ESCALATE = "escalate", "Ask a person at once"
    FAIL = "fail", "End the run as failed"


class Procedure(models.Model):
    """What stays the same over all versions: its name. ``current`` is what new runs follow."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    name = models.TextField(help_text="A slug, such as memory-first-development.")
    status = models.TextField(choices=Status.choices, default=Status.ACTIVE, db_default="active")
    current = models.ForeignKey(
        "procedures_app.ProcedureVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "operational_procedures"
        ordering = ["tenant_id", "name"]
        constraints = [models.UniqueConstraint(fields=["tenant_id", "name"], name="procedure_name_once")]

    def __str__(self) -> str:
        return self.name


class ProcedureVersion(models.Model):
    """One wording of a procedure. Published ones never change (a trigger sees to it); a draft has a ``revision``."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        DISCARDED = "discarded", "Discarded"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    procedure = models.ForeignKey(Procedure, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField(null=True, help_text="1, 2, 3 … in the order of publishing; a draft has none.")
    status = models.TextField(choices=Status.choices, default=Status.DRAFT, db_default="draft")
    based_on = models.IntegerField(null=True, help_text="The version that the draft began from.")
    revision = models.IntegerField(default=1, db_default=1, help_text="Raised at every change of the draft.")
    title = models.TextField()
    summary = models.TextField(default="", db_default="", blank=True, help_text="When to follow it, and what for.")
    kind = models.TextField(default="general", db_default="general", help_text="The kind of operation it is for.")
    tags = models.JSONField(default=list, db_default=[])
    inputs = models.JSONField(default=list, db_default=[], help_text="What a run must be given.")
    preconditions = models.JSONField(default=list, db_default=[], help_text="What must hold before a run.")
    author = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    published_by = models.TextField(default="", db_default="")
    published_at = models.DateTimeField(null=True)
    note = models.TextField(default="", db_default="", help_text="What changed and why, for whoever reads it later.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "procedure_versions"
        ordering = ["procedure", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["procedure", "number"], name="procedure_number_once"),
            models.UniqueConstraint(fields=["procedure"], condition=Q(status="draft"), name="one_draft_per_procedure"),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(number__isnull=False, published_at__isnull=False),
                name="published_has_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} (v{self.number})" if self.number else f"{self.title} (draft)"


class ProcedureStep(models.Model):
    """A step of one version. ``step_id`` stays the same from version to version, whatever moves around it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    version = models.ForeignKey(ProcedureVersion, on_delete=models.CASCADE, related_name="steps")
    step_id = models.TextField(help_text="A slug, unique in the procedure.")
    position = models.IntegerField(help_text="1 for the first.")
    kind = models.TextField(choices=StepKind.choices, default=StepKind.INSTRUCTION, db_default="instruction")
    title = models.TextField()
    instruction = models.TextField(default="", db_default="", blank=True)
    agents = models.JSONField(default=list, db_default=[], help_text="Who may do it; empty: any agent of the run.")
    config = models.JSONField(default=dict, db_default={}, help_text="What its kind needs: request, action, procedure.")
    evidence = models.JSONField(default=list, db_default=[], help_text="What has to be handed in.")
    preconditions = models.JSONField(default=list, db_default=[])
    time_limit_seconds = models.IntegerField(null=True, blank=True)
    max_attempts = models.IntegerField(default=1, db_default=1)
    on_failure = models.TextField(choices=OnFailure.choices, default=OnFailure.ESCALATE, db_default="escalate")
    rollback = models.JSONField(null=True, blank=True, help_text="A step that undoes this one.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "procedure_steps"
        ordering = ["version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "step_id"], name="step_id_once"),
            models.UniqueConstraint(
                fields=["version", "position"], name="step_position_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(condition=Q(max_attempts__gte=1, max_attempts__lte=20), name="step_attempts"),
            models.CheckConstraint(
                condition=Q(time_limit_seconds=None) | Q(time_limit_seconds__gte=1), name="step_time_limit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.title}"
