"""Doors to runs: started, followed step by step, paused and ended."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.serializers import NamingQuery
from procedures_app.api.run_inputs import (
    CompleteInput,
    DeviateInput,
    FailInput,
    NextInput,
    RenewStepInput,
    RunEventsQuery,
    RunReasonInput,
    RunResumeInput,
    RunsQuery,
    StartRunInput,
    StepReleaseInput,
)
from procedures_app.api.run_outputs import (
    AskedOutput,
    NextOutput,
    ProcedureRunHeadOutput,
    ProcedureRunOutput,
    RenewedOutput,
    RunEventOutput,
)
from procedures_app.models import Approval, Run
from procedures_app.services import runs
from procedures_app.services.runs import presenting, reading, refusals

TAGS = ["procedures"]
NEWEST = ("-started_at", "-id")
#: Members of a query that are no filters.
NOT_FILTERS = ("tenant_id", "user_id", "session_id", "limit", "cursor")


class RunView(HubView):
    """Base of doors to one run: whom the request speaks about stands in the query string."""

    def caller(self, request: Request) -> Principal:
        return self.principal(request, self.read(NamingQuery, request, query=True))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        shortcut = getattr(getattr(request, "hub_error", None), "shortcut", None)
        if isinstance(shortcut, refusals.Shortcut):  # a repeat-safe request undid what was written about it
            refusals.note(shortcut)
        return response


def answer(run: Run, principal: Principal, status: int = HTTPStatus.OK) -> Response:
    """The run as a verb left it."""
    return Response({"success": True, **presenting.after(run, principal=principal)}, status=status)


class RunsView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="runs_list",
        summary="List runs",
        description="Newest first, without their steps. Runs about a user are listed for callers that name the user or "
        "the session. Needs `read`.",
        parameters=[RunsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(ProcedureRunHeadOutput, "RunsPage"), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(RunsQuery, request, query=True)
        principal = self.principal(request, query)
        filters = {name: found for name, found in query.items() if name not in NOT_FILTERS}
        rows = reading.listed(principal=principal, **filters)
        return page(request, rows, principal=principal, query=query, order=NEWEST, render=reading.documents)

    @extend_schema(
        operation_id="runs_start",
        summary="Start a run of a procedure",
        description="It follows the newest published version to its end. Where work of the procedure's kind needs a "
        "consultation, send `Consultation-Token`; the run then belongs to that operation. Needs `write`.",
        request=StartRunInput,
        responses={201: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[
            example(
                "A deployment", {"procedure": "memory-aware-deployment", "inputs": {"service": "api"}}, request=True
            )
        ],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(StartRunInput, request)
        principal = self.principal(request, data)
        chosen = {"inputs": data.get("inputs"), "version": data.get("version")}
        run = runs.start(data["procedure"], principal=principal, **chosen)
        return answer(run, principal, HTTPStatus.CREATED)


class OneRunView(RunView):
    @extend_schema(
        operation_id="runs_get",
        summary="Read a run",
        description="With its steps and the approvals that it waits for. Needs `read`.",
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        document = presenting.read(run_id, principal=self.caller(request))
        if document is None:
            raise NotFound("There is no run of that id that you may see.")
        return Response({"success": True, **document})


class RunEventsView(RunView):
    @extend_schema(
        operation_id="runs_events",
        summary="What happened in a run",
        description="In order, numbered without gaps; nothing of it is ever changed. Needs `read`.",
        parameters=[RunEventsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(RunEventOutput, "RunEventsPage"), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        query = self.read(RunEventsQuery, request, query=True)
        principal = self.principal(request, query)
        rows = reading.events(run_id, principal=principal, after=query["after"])
        render = reading.event_documents
        return page(request, rows, principal=principal, query=query, order=("number",), render=render)


class NextView(RunView):
    permissions = {"POST": "write"}
    # asking again is safe by itself, and an old answer would tell of a lease that is over
    repeatable = False

    @extend_schema(
        operation_id="runs_next",
        summary="Take the next step",
        description="The step is yours for a while (`lease`): do it, then `complete` or `fail` it. Asking again while "
        "you have it keeps it yours. Memory actions are carried out on the way. Needs `write`.",
        request=NextInput,
        parameters=[NamingQuery],
        responses={200: NextOutput, **problem_responses(404)},
        examples=[example("For ten minutes", {"lease_seconds": 600}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        data = self.read(NextInput, request)
        found = runs.next_step(run_id, principal=self.caller(request), **data)
        return Response({"success": True, **presenting.next_document(found)})


class SteeringView(RunView):
    permissions = {"POST": "write"}


class PauseView(SteeringView):
    @extend_schema(
        operation_id="runs_pause",
        summary="Pause a run",
        description="It gives no step until it is resumed, and who has one loses it. For who started it, or `admin`.",
        request=RunReasonInput,
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[example("Why", {"reason": "The change freeze begins."}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        data, caller = self.read(RunReasonInput, request), self.caller(request)
        return answer(runs.pause(run_id, principal=caller, **data), caller)


class ResumeView(SteeringView):
    @extend_schema(
        operation_id="runs_resume",
        summary="Resume a paused run",
        description="Time limits are longer by the pause. For who started it, or `admin`.",
        request=RunResumeInput,
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[example("Why", {"reason": "The freeze is over."}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        data, caller = self.read(RunResumeInput, request), self.caller(request)
        return answer(runs.resume(run_id, principal=caller, **data), caller)


class CancelView(SteeringView):
    @extend_schema(
        operation_id="runs_cancel",
        summary="Cancel a run",
        description="It ends where it stands; nothing is rolled back. For who started it, or `admin`.",
        request=RunReasonInput,
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[example("Why", {"reason": "The release was withdrawn."}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        data, caller = self.read(RunReasonInput, request), self.caller(request)
        return answer(runs.cancel(run_id, principal=caller, **data), caller)


class StepView(RunView):
    permissions = {"POST": "write"}


class CompleteView(StepView):
    @extend_schema(
        operation_id="runs_complete_step",
        summary="Complete a step with its evidence",
        description="409 `step_required` names the step that comes first, `evidence_missing` what lacks; `lease_lost`: "
        "the step is no longer yours. The same again by the same lease answers the same. Needs `write`.",
        request=CompleteInput,
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[example("With evidence", {"lease": 1, "evidence": {"tests_passed": True}}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID, step_id: str) -> Response:
        data, caller = self.read(CompleteInput, request), self.caller(request)
        return answer(runs.complete(run_id, step_id, principal=caller, **data), caller)


class FailView(StepView):
    @extend_schema(
        operation_id="runs_fail_step",
        summary="Say that a step failed",
        description="Another attempt follows, or what the procedure says: roll back, ask a person, end. Needs `write`.",
        request=FailInput,
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[example("An error", {"lease": 1, "error": "Connection refused: db-1:5432"}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID, step_id: str) -> Response:
        data, caller = self.read(FailInput, request), self.caller(request)
        return answer(runs.fail(run_id, step_id, principal=caller, **data), caller)


class RenewView(StepView):
    repeatable = False

    @extend_schema(
        operation_id="runs_renew_step",
        summary="Keep a step for longer",
        description="The time of the lease starts anew. Needs `write`.",
        request=RenewStepInput,
        parameters=[NamingQuery],
        responses={200: RenewedOutput, **problem_responses(404, 409)},
        examples=[example("Ten more minutes", {"lease": 1, "lease_seconds": 600}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID, step_id: str) -> Response:
        data = self.read(RenewStepInput, request)
        step = runs.renew(run_id, step_id, principal=self.caller(request), **data)
        lease = {"token": step.lease_token, "expires_at": moment(step.lease_expires_at)}
        return Response({"success": True, "run_id": str(run_id), "step_id": step.step_id, "lease": lease})


class ReleaseView(StepView):
    @extend_schema(
        operation_id="runs_release_step",
        summary="Give a step back",
        description="Undone, for the next one to take; the attempt does not count. Needs `write`.",
        request=StepReleaseInput,
        parameters=[NamingQuery],
        responses={200: ProcedureRunOutput, **problem_responses(404, 409, 422)},
        examples=[example("The lease", {"lease": 1}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID, step_id: str) -> Response:
        data, caller = self.read(StepReleaseInput, request), self.caller(request)
        return answer(runs.release(run_id, step_id, principal=caller, **data), caller)


class SkipView(StepView):
    @extend_schema(
        operation_id="runs_skip_step",
        summary="Ask to skip a step",
        description="A person decides in the admin; until then the run waits. Asking the same again changes nothing. "
        "Needs `write`.",
        request=RunReasonInput,
        parameters=[NamingQuery],
        responses={202: AskedOutput, **problem_responses(404, 409, 422)},
        examples=[example("Why", {"reason": "There is no staging for this service."}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID, step_id: str) -> Response:
        data, caller = self.read(RunReasonInput, request), self.caller(request)
        return asked(runs.ask_skip(run_id, step_id, principal=caller, **data))


class DeviateView(StepView):
    @extend_schema(
        operation_id="runs_deviate_step",
        summary="Ask to do a step otherwise",
        description="A person decides in the admin; once approved, the step asks for what was proposed. Needs `write`.",
        request=DeviateInput,
        parameters=[NamingQuery],
        responses={202: AskedOutput, **problem_responses(404, 409, 422)},
        examples=[
            example("Why", {"reason": "Staging is down.", "proposal": "Test on a copy of production."}, request=True)
        ],
        tags=TAGS,
    )
    def post(self, request: Request, run_id: UUID, step_id: str) -> Response:
        data, caller = self.read(DeviateInput, request), self.caller(request)
        return asked(runs.ask_deviation(run_id, step_id, principal=caller, **data))


def asked(approval: Approval) -> Response:
    """202: a person decides."""
    run = approval.run
    document = {"run": presenting.short(run), "approval": presenting.approval_document(approval, run)}
    return Response({"success": True, **document}, status=HTTPStatus.ACCEPTED)
