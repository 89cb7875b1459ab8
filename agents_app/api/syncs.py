"""Doors to sync runs: asked for, looked at, counted."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors
from agents_app.api.acting import acting_as
from agents_app.api.agent_fields import (
    RunFieldsOutput,
    RunOutput,
    RunsQuery,
    SyncedAllOutput,
    SyncInput,
    SyncStatisticsOutput,
    TenantInput,
)
from agents_app.services import sync_results, syncing
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView

RUNS = "/memory/agents/sync/runs"
FORCED = example("Everything again, about one user", {"user_id": "user_123", "force_sync": True}, request=True)


class SyncAgentView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="agents_agent_sync",
        summary="Sync an agent now",
        description="Retention, clean-up, sharing, conflicts, replicas and counts of one agent, of what changed since "
        "its last sync. 202 where that takes longer than a moment: the run goes on, and Location says where to ask. "
        "For the agent's own key, a key of no agent, and `admin`; needs `write`.",
        request=SyncInput,
        responses={
            (200, "application/json"): RunOutput,
            (202, "application/json"): RunOutput,
            **problem_responses(404, 422),
        },
        examples=[FORCED],
        tags=["agents"],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        data = self.read(SyncInput, request)
        principal = acting_as(self, request, agent_id, data)
        run = syncing.sync_agent(agent_id, principal=principal, user_id=data.get("user_id"), force=data["force_sync"])
        if run.is_over:
            return Response(sync_results.result(run))
        return Response(
            sync_results.result(run), status=202, headers={"Location": f"{RUNS}/{run.pk}", "Retry-After": "1"}
        )


class SyncAllView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="agents_sync",
        summary="Sync all agents now",
        description="As for one agent, for every active agent of the tenant; one that fails stops none of the others. "
        "202 where some are not over after a moment: ask for their runs. Needs `write`.",
        request=SyncInput,
        responses={
            (200, "application/json"): SyncedAllOutput,
            (202, "application/json"): SyncedAllOutput,
            **problem_responses(404, 422),
        },
        examples=[FORCED],
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        data = self.read(SyncInput, request)
        principal = self.principal(request, data)
        runs = syncing.sync_all(principal=principal, user_id=data.get("user_id"), force=data["force_sync"])
        results = {run.agent_id: sync_results.document(run) for run in runs}
        over = all(run.is_over for run in runs)
        body = {"success": all(sync_results.succeeded(run) for run in runs), "results": results}
        if over:
            return Response(body)
        return Response(body, status=202, headers={"Location": RUNS, "Retry-After": "1"})


class RunsView(HubView):
    @extend_schema(
        operation_id="agents_sync_runs",
        summary="Sync runs",
        description="Newest first, kept for `sync.keep_days`.",
        parameters=[RunsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(RunFieldsOutput, "SyncRunPage"), **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(RunsQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        return page(
            request,
            selectors.runs(principal=principal, agent_id=query.get("agent_id"), status=query.get("status")),
            principal=principal,
            query=query,
            render=lambda found: [sync_results.document(run) for run in found],
        )


class RunView(HubView):
    @extend_schema(
        operation_id="agents_sync_run",
        summary="One sync run",
        parameters=[TenantInput],
        responses={(200, "application/json"): RunOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """One sync run, with what it did so far."""
        principal = self.principal(request, self.read(TenantInput, request, query=True))
        return Response(sync_results.result(selectors.run(run_id, principal=principal)))


class StatisticsView(HubView):
    @extend_schema(
        operation_id="agents_sync_statistics",
        summary="Figures of all sync runs",
        description="Totals of the runs, locks that are held, conflicts that wait.",
        parameters=[TenantInput],
        responses={(200, "application/json"): SyncStatisticsOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        principal = self.principal(request, self.read(TenantInput, request, query=True))
        return Response({"success": True, **selectors.statistics(principal=principal)})
