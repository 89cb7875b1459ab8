"""Doors to errors as agents met them."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import ACTING_AGENT, IDEMPOTENCY_KEY, PAGE_PARAMETERS, example, page_of
from memoryhub.access.api.schema import problem_responses as problems
from memoryhub.access.api.views import HubView
from procedures_app.api import knowledge_examples as examples
from procedures_app.api.knowledge import TAGS
from procedures_app.api.knowledge_inputs import ErrorInput, ErrorsQuery, OneQuery
from procedures_app.api.knowledge_outputs import (
    ErrorCapturedOutput,
    ErrorFieldsOutput,
    ErrorOutput,
    error_fields,
    match_fields,
    with_solutions,
)
from procedures_app.services import errors, knowledge


class ErrorsView(HubView):
    permissions = {"POST": "write"}
    #: An agent that is refused everything else may still say what went wrong.
    consults = False

    @extend_schema(
        operation_id="errors_capture",
        summary="Capture an error",
        description="Keeps it with its context and says which known problem it is, with the solutions. A new one makes "
        "a problem of the tenant, which holds the error with its variable parts masked only. Needs `write`.",
        request=ErrorInput,
        responses={(200, "application/json"): ErrorCapturedOutput, **problems(404, 409, 422)},
        parameters=[IDEMPOTENCY_KEY, ACTING_AGENT],
        examples=[
            example("A refused connection", examples.ERROR, request=True),
            example("It is known", examples.CAPTURED),
        ],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(ErrorInput, request)
        captured = errors.capture_in(
            data.get("operation_id"),
            principal=self.principal(request, data),
            message=data["message"],
            error_type=data.get("error_type", ""),
            context=data.get("context"),
        )
        return Response(
            {
                "success": True,
                "error": error_fields(captured.error),
                "match": match_fields(captured.match) if captured.match else None,
            }
        )

    @extend_schema(
        operation_id="errors_list",
        summary="List captured errors",
        description="The latest first. They are kept for `procedures.error_days` days. Needs `read`.",
        parameters=[ErrorsQuery, *PAGE_PARAMETERS],
        responses={(200, "application/json"): page_of(ErrorFieldsOutput, "ErrorPage"), **problems()},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        data = self.read(ErrorsQuery, request, query=True)
        principal = self.principal(request, data)
        rows = errors.of(
            principal=principal,
            error_type=data.get("error_type"),
            knowledge_id=data.get("knowledge_id"),
            agent_id=data.get("agent_id"),
            solved=data["solved"],
        )
        return page(
            request, rows, principal=principal, query=data, render=lambda found: [error_fields(row) for row in found]
        )


class OneErrorView(HubView):
    @extend_schema(
        operation_id="errors_get",
        summary="Read a captured error",
        description="With the problem that it counts for. Needs `read`.",
        parameters=[OneQuery],
        responses={(200, "application/json"): ErrorOutput, **problems(404)},
        tags=TAGS,
    )
    def get(self, request: Request, error_id: UUID) -> Response:
        principal = self.principal(request, self.read(OneQuery, request, query=True))
        error, problem = errors.with_problem(error_id, principal=principal)
        shown = problem and with_solutions(problem, knowledge.solutions_of(problem, principal=principal))
        return Response({"success": True, "error": error_fields(error), "knowledge": shown})
