"""Doors to the history of work."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from procedures_app.api import operation_examples as examples
from procedures_app.api.operation_inputs import WorkCheckInput, WorkInput, WorkQuery
from procedures_app.api.operation_outputs import CheckedOutput, WorkOutput, WorkRecordedOutput, work_document
from procedures_app.services import work

TAGS = ["procedures"]
WHOM = ("tenant_id", "user_id", "session_id")


class WorkView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="work_history",
        summary="The history of work",
        description="Newest first: what is about nobody, and about the user or session that you name. Needs `read`.",
        parameters=[WorkQuery, *PAGE_PARAMETERS],
        responses={(200, "application/json"): page_of(WorkOutput), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(WorkQuery, request, query=True)
        principal = self.principal(request, query)
        names = ("kind", "agent_id", "task_id", "success", "operation_id", "since", "until")
        return page(
            request,
            work.of(principal, **{name: query.get(name) for name in names}),
            principal=principal,
            query=query,
            render=lambda rows: [work_document(row) for row in rows],
        )

    @extend_schema(
        operation_id="work_record",
        summary="Write down what was done",
        description="So that nobody does it twice. With a Consultation-Token for this kind of work it belongs to that "
        "operation; where the tenant is strict about the kind it is 428 without. Needs `write`.",
        request=WorkInput,
        responses={201: WorkRecordedOutput, **problem_responses(404, 409, 422, 428)},
        examples=[example("A mail", examples.WORK, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(WorkInput, request)
        principal = self.principal(request, data)
        done = work.record(principal=principal, **{name: value for name, value in data.items() if name not in WHOM})
        return Response({"success": True, "work": work_document(done)}, status=201)


class WorkCheckView(HubView):
    @extend_schema(
        operation_id="work_check",
        summary="Whether something was done before",
        description="By its task id, by the same action with the same input, or by likeness. Needs `read`.",
        request=WorkCheckInput,
        responses={(200, "application/json"): CheckedOutput, **problem_responses(404)},
        examples=[
            example("A mail", {"action": "Send the invoice mail", "input": {"invoice": 17}}, request=True),
            example("Done", examples.CHECKED),
        ],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(WorkCheckInput, request)
        principal = self.principal(request, data)
        asked = {name: value for name, value in data.items() if name not in WHOM}
        found = work.check(principal=principal, **asked)
        return Response({"success": True, "done": found.done, **work.checked_document(found)})
