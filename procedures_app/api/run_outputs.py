"""What the doors of runs and approvals answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.serializers import Output
from memoryhub.registry.api.fields import AnyValue, JSONObject
from procedures_app.models import Approval, Run, StepKind, StepRun

STATES = ("step", "busy", "waiting", "paused", "over")


def text(**options: Any) -> serializers.CharField:
    return serializers.CharField(**options)


def time(**options: Any) -> serializers.DateTimeField:
    return serializers.DateTimeField(allow_null=True, **options)


class StepOfRunOutput(serializers.Serializer[Any]):
    id = text(help_text="The step's id in the procedure.")
    position = serializers.IntegerField()
    title = text()
    kind = Choice(StepKind.choices)
    status = Choice(StepRun.Status.choices)
    attempts = serializers.IntegerField()
    agent_id = text(allow_null=True, help_text="Who has it, or had it last.")
    lease_expires_at = time(help_text="Until when; null: nobody has it.")
    deadline_at = time()
    next_attempt_at = time(help_text="Not tried again before.")
    late = serializers.BooleanField()
    evidence = JSONObject()
    output = AnyValue()
    error = text()
    done_by = text()
    started_at = time()
    finished_at = time()
    child_run_id = serializers.UUIDField(allow_null=True, help_text="The run that carries it out.")


class ApprovalFields(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run_id = serializers.UUIDField()
    procedure = text()
    step_id = text()
    kind = Choice(Approval.Kind.choices)
    status = Choice(Approval.Status.choices)
    asked_by = text()
    reason = text()
    proposal = text(help_text="What would be done instead.")
    impact = JSONObject(help_text="evidence and later_steps that would lack; decisions: the choices of an escalation.")
    asked_at_version = serializers.IntegerField(help_text="The run_version when it was asked.")
    run_version = serializers.IntegerField(help_text="The run's now.")
    overdue = serializers.BooleanField()
    created_at = time()
    expires_at = time()
    decision = text()
    decision_reason = text()
    decided_by = text()
    decided_at = time()


class ProcedureRunHeadOutput(serializers.Serializer[Any]):
    """A run in a list."""

    id = serializers.UUIDField()
    procedure = text()
    version = serializers.IntegerField(help_text="Of the procedure.")
    title = text()
    status = Choice(Run.Status.choices)
    agent_id = text(allow_null=True, help_text="Who started it.")
    user_id = text(allow_null=True)
    session_id = text(allow_null=True)
    operation_id = serializers.UUIDField(allow_null=True)
    parent_run_id = serializers.UUIDField(allow_null=True, help_text="The run that this one carries out a step of.")
    deviations = serializers.IntegerField(help_text="Steps skipped, replaced, late or escalated.")
    compliant = serializers.BooleanField(allow_null=True, help_text="Every step as written; null while it is not over.")
    run_version = serializers.IntegerField()
    outcome_reason = text()
    started_at = time()
    finished_at = time()
    current_step = text(allow_null=True)


class RunFields(ProcedureRunHeadOutput):
    inputs = JSONObject()
    steps = StepOfRunOutput(many=True)
    approvals = ApprovalFields(many=True, help_text="Those that wait for a person.")


class ProcedureRunOutput(Output, RunFields):
    pass


class ApprovalOutput(Output, ApprovalFields):
    pass


class ShortProcedureRunOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = Choice(Run.Status.choices)
    run_version = serializers.IntegerField()


class AskedOutput(Output):
    """A question that a person has to decide."""

    run = ShortProcedureRunOutput()
    approval = ApprovalFields()


class LeaseOutput(serializers.Serializer[Any]):
    token = serializers.IntegerField(help_text="Send it as lease with complete, fail, renew and release.")
    expires_at = time()


class NextStepOutput(serializers.Serializer[Any]):
    id = text()
    position = serializers.IntegerField()
    kind = Choice(StepKind.choices)
    title = text()
    instruction = text(help_text="Markdown, with its placeholders filled in; empty where the step is not yours.")
    evidence = serializers.ListField(child=JSONObject(), help_text="The fields that complete has to bring.")
    agents = serializers.ListField(child=text(), help_text="Whom it is for; empty: anybody.")
    deadline_at = time()
    attempt = serializers.IntegerField()
    rolling_back = serializers.BooleanField(help_text="It undoes what the step did.")


class NextOutput(Output):
    state = Choice(STATES, help_text="step: it is yours; busy: ask again after retry_after; waiting: for a person.")
    run = ShortProcedureRunOutput(help_text="The run whose step it is: for a sub-procedure its own run.")
    step = NextStepOutput(allow_null=True)
    lease = LeaseOutput(allow_null=True)
    approval = ApprovalFields(allow_null=True)
    retry_after = serializers.FloatField(allow_null=True, help_text="Seconds.")


class RenewedOutput(Output):
    run_id = serializers.UUIDField()
    step_id = text()
    lease = LeaseOutput()


class RunEventOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="From 1, without gaps.")
    event = text()
    step_id = text()
    actor = text()
    detail = JSONObject()
    at = time()
