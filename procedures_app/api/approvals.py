"""Doors to approvals: read, and taken back. Persons decide in the admin, and nowhere else."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import NEWEST_FIRST, page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.serializers import NamingQuery
from procedures_app.api.run_inputs import ApprovalsQuery, RunResumeInput
from procedures_app.api.run_outputs import ApprovalFields, ApprovalOutput
from procedures_app.api.runs import NOT_FILTERS, TAGS, RunView
from procedures_app.services.runs import approvals, reading


class ApprovalsView(HubView):
    @extend_schema(
        operation_id="approvals_list",
        summary="List approvals",
        description="What runs wait for a person to decide, and what was decided; newest first. Needs `read`.",
        parameters=[ApprovalsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(ApprovalFields, "ApprovalsPage"), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(ApprovalsQuery, request, query=True)
        principal = self.principal(request, query)
        filters = {name: found for name, found in query.items() if name not in NOT_FILTERS}
        rows = reading.approvals(principal=principal, **filters)
        render = reading.approval_documents
        return page(request, rows, principal=principal, query=query, order=NEWEST_FIRST, render=render)


class ApprovalView(RunView):
    @extend_schema(
        operation_id="approvals_get",
        summary="Read an approval",
        description="Needs `read`.",
        parameters=[NamingQuery],
        responses={200: ApprovalOutput, **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request, approval_id: UUID) -> Response:
        return Response({"success": True, **reading.approval(approval_id, principal=self.caller(request))})


class WithdrawView(RunView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="approvals_withdraw",
        summary="Take a question back",
        description="One that asks to skip a step or to do it otherwise: the step is ready again. For who asked, or "
        "`admin`.",
        request=RunResumeInput,
        parameters=[NamingQuery],
        responses={200: ApprovalOutput, **problem_responses(404, 409, 422)},
        examples=[example("Why", {"reason": "Staging is back."}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, approval_id: UUID) -> Response:
        data, caller = self.read(RunResumeInput, request), self.caller(request)
        approvals.withdraw(approval_id, principal=caller, **data)
        return Response({"success": True, **reading.approval(approval_id, principal=caller)})
