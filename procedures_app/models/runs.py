"""Runs: one enforced execution of a procedure, its steps, what waits for a person, and what happened in order."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from memoryhub.access.ids import new_id
from memoryhub.access.visibility import TenantQuerySet
from procedures_app.models.operations import Operation
from procedures_app.models.procedures import Procedure, ProcedureStep, ProcedureVersion
from sessions_app.models.reach import ConversationQuerySet


class Run(models.Model):
    """It follows one published version to its end, whatever is published meanwhile. ``version`` counts its changes."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting for a person"
        PAUSED = "paused", "Paused"
        ROLLING_BACK = "rolling_back", "Rolling back"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        ROLLED_BACK = "rolled_back", "Rolled back"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    user_id = models.TextField(null=True)
    session_id = models.TextField(null=True)
    agent_id = models.TextField(null=True, help_text="Who started it.")
    procedure = models.ForeignKey(Procedure, on_delete=models.PROTECT, related_name="runs")
    procedure_version = models.ForeignKey(ProcedureVersion, on_delete=models.PROTECT, related_name="runs")
    operation = models.ForeignKey(Operation, null=True, on_delete=models.SET_NULL, related_name="runs")
    parent = models.ForeignKey(
        "procedures_app.StepRun",
        null=True,
        on_delete=models.CASCADE,
        related_name="children",
        help_text="The step of another run that this run carries out.",
    )
    inputs = models.JSONField(default=dict, db_default={})
    status = models.TextField(choices=Status.choices, default=Status.RUNNING, db_default="running")
    resumes_as = models.TextField(default="", db_default="", help_text="The status before it was paused.")
    outcome_reason = models.TextField(default="", db_default="", help_text="Why it failed, was cancelled or paused.")
    paused_at = models.DateTimeField(null=True)
    undoing = models.BooleanField(default=False, db_default=False, help_text="What was done is being rolled back.")
    deviations = models.IntegerField(default=0, db_default=0, help_text="Steps skipped, replaced, late or escalated.")
    compliant = models.BooleanField(null=True, help_text="Every step as written; empty while it is not over.")
    version = models.IntegerField(default=1, db_default=1, help_text="Raised at every change of the run.")
    event_count = models.IntegerField(default=0, db_default=0)
    started_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    objects = ConversationQuerySet.as_manager()
    #: Its steps in order with their definitions, where they were read with it.
    at_hand: list[StepRun] | None = None

    class Meta:
        db_table = "procedure_runs"
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["tenant_id", "-started_at"], name="runs_newest"),
            models.Index(fields=["procedure", "-started_at"], name="runs_of_procedure"),
            models.Index(fields=["tenant_id", "status"], condition=Q(finished_at=None), name="runs_open"),
        ]

    def __str__(self) -> str:
        return f"Run {self.id}"


class StepRun(models.Model):
    """How one step of a run stands. A lease gives it to one agent for a while; ``lease_token`` is its fence."""

    class Status(models.TextChoices):
        PENDING = "pending", "Not begun"
        READY = "ready", "Ready to be taken"
        IN_PROGRESS = "in_progress", "In progress"
        WAITING = "waiting", "Waiting for a person"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped with approval"
        REPLACED = "replaced", "Done otherwise with approval"
        NOT_APPLICABLE = "not_applicable", "Does not apply"
        ROLLING_BACK = "rolling_back", "Being rolled back"
        ROLLED_BACK = "rolled_back", "Rolled back"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    definition = models.ForeignKey(ProcedureStep, on_delete=models.PROTECT, related_name="runs")
    step_id = models.TextField()
    position = models.IntegerField()
    status = models.TextField(choices=Status.choices, default=Status.PENDING, db_default="pending")
    attempts = models.IntegerField(default=0, db_default=0)
    lease_agent = models.TextField(null=True)
    lease_token = models.BigIntegerField(default=0, db_default=0, help_text="Only grows; the newest one counts.")
    lease_expires_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True, help_text="Not tried again before.")
    late = models.BooleanField(default=False, db_default=False)
    evidence = models.JSONField(default=dict, db_default={})
    output = models.JSONField(null=True)
    error = models.TextField(default="", db_default="")
    proposal = models.TextField(
        default="", db_default="", help_text="What is done instead of the step as written, approved by a person."
    )
    done_by = models.TextField(default="", db_default="")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "procedure_step_runs"
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "step_id"], name="step_run_once"),
            models.UniqueConstraint(
                fields=["run"],
                condition=Q(status__in=["ready", "in_progress", "waiting", "rolling_back"]),
                name="one_step_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["lease_expires_at"], condition=Q(status="in_progress"), name="leases_ending"),
            models.Index(fields=["next_attempt_at"], condition=Q(status="ready"), name="steps_ready"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.step_id}"


class Approval(models.Model):
    """Something that a person has to decide before a run goes on."""

    class Kind(models.TextChoices):
        CONFIRMATION = "confirmation", "Confirm a step"
        SKIP = "skip", "Skip a step"
        DEVIATION = "deviation", "Do a step otherwise"
        ESCALATION = "escalation", "Decide about a failed step"

    class Status(models.TextChoices):
        PENDING = "pending", "Waits"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        EXPIRED = "expired", "Expired"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="approvals")
    step_run = models.ForeignKey(StepRun, on_delete=models.CASCADE, related_name="approvals")
    kind = models.TextField(choices=Kind.choices)
    status = models.TextField(choices=Status.choices, default=Status.PENDING, db_default="pending")
    asked_by = models.TextField(help_text="The agent, or the hub.")
    asked_as = models.TextField(
        default="",
        db_default="",
        help_text="The agent or the credential itself: names may be those of others.",
    )
    reason = models.TextField(default="", db_default="")
    proposal = models.TextField(default="", db_default="", help_text="What would be done instead.")
    impact = models.JSONField(default=dict, db_default={}, help_text="What would lack: evidence and later steps.")
    run_version = models.IntegerField(help_text="The run when it was asked.")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    overdue = models.BooleanField(default=False, db_default=False, help_text="Nobody decided in time, and it waits on.")
    decision = models.TextField(
        default="", db_default="", help_text="Of an escalation: retry, skip, roll_back or fail."
    )
    decision_reason = models.TextField(default="", db_default="")
    decided_by = models.TextField(default="", db_default="")
    decided_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "procedure_approvals"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["step_run"], condition=Q(status="pending"), name="one_question_per_step"),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "created_at"], condition=Q(status="pending"), name="approvals_open")
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class RunEvent(models.Model):
    """What happened in a run, numbered from 1 without gaps; never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant_id = models.TextField()
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    number = models.IntegerField()
    event = models.TextField(help_text="Such as step.taken, step.done, approval.asked, run.paused.")
    step_id = models.TextField(default="", db_default="")
    actor = models.TextField(default="", db_default="")
    detail = models.JSONField(default=dict, db_default={})
    at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        db_table = "procedure_run_events"
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="run_event_once")]
        indexes = [models.Index(fields=["tenant_id", "event", "-at"], name="run_events_by_name")]

    def __str__(self) -> str:
        return f"{self.number}. {self.event}"
