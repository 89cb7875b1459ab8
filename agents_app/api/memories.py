"""Doors to what one agent sees: its slice, storing into it, searching it."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app.api.acting import acting_as
from agents_app.api.memory_inputs import (
    AgentMemoryInput,
    AgentSearchInput,
    AgentSearchOutput,
    AgentStoredOutput,
    SliceOutput,
    SliceQuery,
)
from agents_app.services import memories, slices
from memoryhub.access.api.pagination import address_after, position
from memoryhub.access.api.schema import IDEMPOTENCY_KEY, example, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.documents import grant_document, stored_document

MEMORY_EXAMPLE = example(
    "A preference, shared",
    {
        "content": "Prefers dark mode",
        "user_id": "user_123",
        "session_id": "sess_abc",
        "memory_category": "preference",
        "share_with_agents": ["alice", "mimic"],
        "importance_score": 0.8,
    },
    request=True,
)


class SliceView(HubView):
    @extend_schema(
        operation_id="agents_slice",
        summary="What an agent sees",
        description="Its own memories and those granted to it, newest first, with exact figures about all of them. "
        "For the agent's key, a key of no agent, or `admin`. Needs `read`.",
        parameters=[SliceQuery],
        responses={(200, "application/json"): SliceOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request, agent_id: str) -> Response:
        query = self.read(SliceQuery, request, query=True)
        principal = acting_as(self, request, agent_id, query)
        after = position(request, principal, query, slices.ORDER)
        found = slices.of_agent(
            agent_id,
            principal=principal,
            user_id=query.get("user_id"),
            session_id=query.get("session_id"),
            include_sync_metadata=query["include_sync_metadata"],
            limit=query["limit"],
            before=UUID(after[0]) if after else None,
        )
        last = found.pop("next_before")
        onward = address_after(request, principal, slices.ORDER, {"id": last}) if last else None
        return Response({"success": True, **found, "next": onward})


class AgentMemoriesView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="agents_store_memory",
        summary="Store a memory as an agent",
        description="An agent-scoped entry, opened to those whom the sharing rules name and to those named here; with "
        "a restricted category 403. Needs `write`.",
        request=AgentMemoryInput,
        parameters=[IDEMPOTENCY_KEY],
        responses={200: AgentStoredOutput, **problem_responses(404, 409, 422)},
        examples=[MEMORY_EXAMPLE],
        tags=["agents"],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        data = self.read(AgentMemoryInput, request)
        principal = acting_as(self, request, agent_id, data)
        data.pop("tenant_id", None)
        kept = memories.store(data.pop("content"), principal=principal, **data)
        document = stored_document(kept.stored)
        document.pop("kept")
        return Response(
            document
            | {
                "memory_id": document["entry_id"],
                "agent_id": agent_id,
                "grants": [grant_document(grant) for grant in kept.grants],
            }
        )


class AgentSearchView(HubView):
    @extend_schema(
        operation_id="agents_search",
        summary="Search an agent's slice",
        description="Its own memories and, unless told otherwise, those granted to it. Needs `read`.",
        request=AgentSearchInput,
        responses={200: AgentSearchOutput, **problem_responses(404)},
        examples=[example("By meaning and words", {"query": "theme", "user_id": "user_123"}, request=True)],
        tags=["agents"],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        data = self.read(AgentSearchInput, request)
        principal = acting_as(self, request, agent_id, data)
        data.pop("tenant_id", None)
        answer, results = memories.search(data.pop("query"), principal=principal, **data)
        return Response(
            {
                "success": True,
                "agent_id": agent_id,
                "query": answer.query,
                "search_type": answer.mode,
                "results": results,
                "candidates": answer.candidates,
                "degraded": answer.degraded,
                "truncated": answer.truncated,
                "notice": answer.notice,
            }
        )
