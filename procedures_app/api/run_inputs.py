"""What the doors of runs and approvals take."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.pagination import PageQuery
from memoryhub.access.api.serializers import Input
from memoryhub.registry.api.fields import AnyValue, JSONObject, Name, Text
from memoryhub.registry.api.serializers import NamingQuery
from procedures_app.models import Approval, Run

LONGEST_REASON, LONGEST_TEXT = 2_000, 20_000
LARGEST_NUMBER = 2**31 - 1


class Whole(serializers.IntegerField):
    """A JSON number without a fraction."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": LARGEST_NUMBER, **options})


def reason(**options: Any) -> Text:
    return Text(**{"max_length": LONGEST_REASON, "help_text": "Why; it stays with the run.", **options})


def lease() -> Whole:
    return Whole(min_value=1, max_value=2**63 - 1, help_text="The lease.token that next gave you with the step.")


def lease_seconds() -> Whole:
    most = settings.CONFIG.procedures.lease_max_seconds
    return Whole(
        required=False,
        min_value=1,
        max_value=most,
        help_text="How long it is yours; procedures.lease_seconds if left out.",
    )


class StartRunInput(Input):
    procedure = Name(help_text="The name of a published procedure.")
    inputs = JSONObject(required=False, help_text="What the procedure asks for.")
    version = Whole(required=False, min_value=1, help_text="An older published version; the newest if left out.")
    tenant_id = Name(required=False, help_text="Platform keys choose the tenant; other keys may repeat their own.")
    user_id = Name(required=False, help_text="The user whom the run is about: only callers that name them see it.")
    session_id = Name(required=False, help_text="The session in which it happens.")


class RunsQuery(NamingQuery, PageQuery):
    procedure = Name(required=False, help_text="Runs of this procedure.")
    status = Choice(Run.Status.choices, required=False, help_text="How it stands.")
    agent_id = Name(required=False, help_text="Started by this agent.")
    since = serializers.DateTimeField(required=False, help_text="Started at or after this time.")
    until = serializers.DateTimeField(required=False, help_text="Started before this time.")


class RunEventsQuery(NamingQuery, PageQuery):
    after = Whole(required=False, default=0, help_text="Events with greater numbers.")


class NextInput(Input):
    lease_seconds = lease_seconds()


class CompleteInput(Input):
    lease = lease()
    evidence = JSONObject(required=False, help_text="What the step asks for, by name.")
    output = AnyValue(required=False, help_text="What came of it, for later steps.")
    note = Text(required=False, allow_blank=True, default="", max_length=LONGEST_TEXT)


class FailInput(Input):
    lease = lease()
    error = Text(max_length=LONGEST_TEXT, help_text="What went wrong, as the tool said it.")
    context = JSONObject(  # type: ignore[assignment]
        required=False, help_text="What else helps to understand it."
    )


class RenewStepInput(Input):
    lease = lease()
    lease_seconds = lease_seconds()


class StepReleaseInput(Input):
    lease = lease()


class RunReasonInput(Input):
    reason = reason()


class RunResumeInput(Input):
    reason = reason(required=False, allow_blank=True, default="")


class DeviateInput(Input):
    reason = reason()
    proposal = Text(max_length=LONGEST_TEXT, help_text="What would be done instead.")


class ApprovalsQuery(NamingQuery, PageQuery):
    status = Choice(Approval.Status.choices, required=False, help_text="pending: it waits for a person.")
    kind = Choice(Approval.Kind.choices, required=False, help_text="What is asked.")
    run_id = serializers.UUIDField(required=False, help_text="Those of this run.")
