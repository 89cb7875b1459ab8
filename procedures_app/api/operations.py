"""Doors to operations and guidance."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access import consulting
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import Invalid
from procedures_app.api import operation_examples as examples
from procedures_app.api.operation_inputs import (
    AbandonInput,
    BeginInput,
    CallerInput,
    FinishInput,
    GuidanceInput,
    OperationsQuery,
)
from procedures_app.api.operation_outputs import (
    BegunOutput,
    FinishedOutput,
    GuidanceOutput,
    OperationOutput,
    OperationRow,
    captured_fields,
    feedback_document,
    operation_document,
    operation_row,
    work_document,
)
from procedures_app.services import enforcement, guidance, operations

TAGS = ["procedures"]
NEWEST_BEGUN = ("-begun_at", "-id")


class GuidanceView(HubView):
    @extend_schema(
        operation_id="guidance",
        summary="What memory advises for a task",
        description="The procedure or solution to follow and how sure that is, work like it, what to beware of, and "
        "whether it was done before. Nothing is begun. Needs `read`.",
        request=GuidanceInput,
        responses={(200, "application/json"): GuidanceOutput, **problem_responses(404)},
        examples=[example("A memory leak", examples.GUIDANCE, request=True), example("Advice", examples.ADVISED)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(GuidanceInput, request)
        principal = self.principal(request, data)
        kind = enforcement.canonical_kind(data.get("kind", enforcement.GENERAL))
        advice = guidance.contextual(
            data["task"], principal=principal, kind=kind, context=data.get("context"), task_id=data.get("task_id")
        )
        mode = enforcement.mode_of(kind, principal=principal)
        return Response({"success": True, "kind": kind, "mode": mode, **advice})


class BeginView(HubView):
    permissions = {"POST": "write"}
    consults = False
    #: The token is shown once, so there is no answer to repeat: begun again, it is another operation.
    repeatable = False

    @extend_schema(
        operation_id="operations_begin",
        summary="Begin an operation",
        description="Consults memory for the task and gives a consultation token, which is good for this agent with "
        "this key until the operation is finished, abandoned or expires. Needs `write`, and `read` for what memory "
        "says.",
        request=BeginInput,
        responses={201: BegunOutput, **problem_responses(404)},
        examples=[
            example("A deployment", examples.BEGIN, request=True),
            example("Begun", examples.BEGUN),
        ],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(BeginInput, request)
        begun = operations.begin(
            principal=self.principal(request, data),
            task=data["task"],
            kind=data.get("kind", enforcement.GENERAL),
            context=data.get("context"),
            task_id=data.get("task_id"),
        )
        row = operation_row(begun.operation)
        document = {
            "success": True,
            "operation_id": row["id"],
            "consultation_token": begun.token,
            "kind": row["kind"],
            "mode": row["mode"],
            "expires_at": row["expires_at"],
            "guidance": begun.guidance,
        }
        return Response(document, status=201)


class FinishView(HubView):
    permissions = {"POST": "write"}
    consults = False

    @extend_schema(
        operation_id="operations_finish",
        summary="Finish an operation",
        description="Writes the work into the history, captures the error that was met, and ends the token. Saying "
        "the same again answers the same; another outcome is 409. 428 for success without the completed run that a "
        "rule demands. Needs `write`.",
        request=FinishInput,
        responses={(200, "application/json"): FinishedOutput, **problem_responses(404, 409, 422, 428)},
        examples=[example("Done", examples.FINISH, request=True), example("Failed", examples.FAILED, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(FinishInput, request)
        principal = self.principal(request, {"tenant_id": data.pop("tenant_id", None)})
        token = token_of(data.pop("consultation_token", ""), principal.consultation)
        finished = operations.finish(token, principal=principal, **data)
        return Response(
            {
                "success": True,
                "operation": operation_row(finished.operation),
                "work": work_document(finished.work),
                **captured_fields(finished.captured, finished.known_solution),
                "feedback": feedback_document(finished.solution),
            }
        )


def token_of(in_body: str, in_header: str) -> str:
    if in_body and in_header and in_body != in_header:
        raise Invalid("consultation_token", f"The body names another token than {consulting.HEADER}. Send one.")
    if not (in_body or in_header):
        raise Invalid("consultation_token", f"Send the token of the operation here, or as {consulting.HEADER}.")
    return in_body or in_header


class OperationsView(HubView):
    @extend_schema(
        operation_id="operations",
        summary="The operations",
        description="Newest first: those about nobody, and those about the user or session that you name. "
        "Needs `read`.",
        parameters=[OperationsQuery, *PAGE_PARAMETERS],
        responses={(200, "application/json"): page_of(OperationRow), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(OperationsQuery, request, query=True)
        principal = self.principal(request, query)
        filters = {name: query.get(name) for name in ("kind", "status", "agent_id", "task_id", "since", "until")}
        return page(
            request,
            operations.of(principal, **filters),
            principal=principal,
            query=query,
            render=lambda rows: [operation_row(row) for row in rows],
            order=NEWEST_BEGUN,
        )


class OperationView(HubView):
    @extend_schema(
        operation_id="operation_get",
        summary="One operation",
        description="With what memory said when it was begun, and what came of it. Needs `read`.",
        parameters=[CallerInput],
        responses={(200, "application/json"): OperationOutput, **problem_responses(404)},
        examples=[example("A deployment", examples.OPERATION)],
        tags=TAGS,
    )
    def get(self, request: Request, operation_id: UUID) -> Response:
        principal = self.principal(request, self.read(CallerInput, request, query=True))
        found = operations.find(operation_id, principal=principal)
        return Response({"success": True, "operation": operation_document(found)})


class AbandonView(HubView):
    permissions = {"POST": "write"}
    consults = False

    @extend_schema(
        operation_id="operation_abandon",
        summary="Abandon an operation",
        description="It ends without an outcome, and its token is good for nothing more. For the agent or key that "
        "began it, and for `admin`. 409 where it was finished. Needs `write`.",
        request=AbandonInput,
        responses={(200, "application/json"): OperationOutput, **problem_responses(404, 409, 422)},
        examples=[
            example("Not needed", {"reason": "Another agent does it."}, request=True),
            example("Abandoned", examples.ABANDONED),
        ],
        tags=TAGS,
    )
    def post(self, request: Request, operation_id: UUID) -> Response:
        data = self.read(AbandonInput, request)
        principal = self.principal(request, data)
        ended = operations.abandon(operation_id, principal=principal, reason=data.get("reason", ""))
        return Response({"success": True, "operation": operation_document(ended)})
