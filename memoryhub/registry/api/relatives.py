"""Doors to what belongs to an entry: its children and its grants. And the figures of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import (
    PAGE_PARAMETERS,
    example,
    page_of,
    problem_responses,
)
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.registry import selectors
from memoryhub.registry.api.context import EntryView
from memoryhub.registry.api.documents import grant_document
from memoryhub.registry.api.serializers import (
    ChildrenQuery,
    EntryOutput,
    GrantInput,
    GrantsOutput,
    NamingQuery,
    RevokedOutput,
    StatsOutput,
    StatsQuery,
)
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import access_log, sharing, stats
from memoryhub.registry.services.records import of_rows


def documents(rows: Sequence[ContextEntry], principal: Principal, started: float) -> list[dict[str, Any]]:
    """The entries of a page, noted as read."""
    found = of_rows(list(rows))
    access_log.note(found, principal=principal, operation="list", started=started)
    return [entry.members for entry in found]


class ChildrenView(EntryView):
    @extend_schema(
        operation_id="context_children",
        summary="The children of an entry",
        description="Entries stored with this one as parent_id. Needs `read`.",
        parameters=[ChildrenQuery, *PAGE_PARAMETERS],
        responses={200: page_of(EntryOutput, "EntryPage"), **problem_responses(404)},
        tags=["context"],
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        started = perf_counter()
        query = self.read(ChildrenQuery, request, query=True)
        principal = self.principal(request, query)
        sign = "-" if query["sort_order"] == "desc" else ""
        return page(
            request,
            selectors.children_of(entry_id, principal=principal, include_archived=query.get("include_archived", False)),
            principal=principal,
            query=query,
            render=lambda rows: documents(rows, principal, started),
            order=(f"{sign}{query['sort_field']}", f"{sign}id"),
        )


class GrantsView(EntryView):
    permissions = {"GET": "read", "POST": "write"}

    @extend_schema(
        operation_id="context_grants",
        summary="Who else may see an entry",
        description="For those who may write the entry. Needs `read`.",
        parameters=[NamingQuery],
        responses={200: GrantsOutput, **problem_responses(404, 409)},
        tags=["context"],
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        return self.answer(entry_id, sharing.of_entry(entry_id, principal=self.caller(request)))

    @extend_schema(
        operation_id="context_grant",
        summary="Share an entry with agents",
        description="Opens an agent-scoped entry to further agents of the tenant. For its own agent and admins. "
        "Needs `write`.",
        request=GrantInput,
        parameters=[NamingQuery],
        responses={200: GrantsOutput, **problem_responses(404, 409, 422)},
        examples=[example("Readable for alice", {"agents": ["alice"], "can_write": False}, request=True)],
        tags=["context"],
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(GrantInput, request)
        agents = data.pop("agents")
        return self.answer(entry_id, sharing.share(entry_id, principal=self.caller(request), agent_ids=agents, **data))

    def answer(self, entry_id: UUID, grants: Sequence[Any]) -> Response:
        return Response(
            {"success": True, "entry_id": str(entry_id), "grants": [grant_document(grant) for grant in grants]}
        )


class GrantView(EntryView):
    permissions = {"DELETE": "write"}

    @extend_schema(
        operation_id="context_revoke",
        summary="Stop sharing an entry with an agent",
        description="404 when it is not shared with that agent. For its own agent and admins. Needs `write`.",
        parameters=[NamingQuery],
        responses={200: RevokedOutput, **problem_responses(404, 409)},
        tags=["context"],
    )
    def delete(self, request: Request, entry_id: UUID, agent_id: str) -> Response:
        revoked = sharing.unshare(entry_id, principal=self.caller(request), agent_ids=[agent_id])
        if not revoked:
            raise NotFound("This entry is not shared with that agent.")
        return Response({"success": True, "entry_id": str(entry_id), "revoked": revoked})


class StatsView(HubView):
    @extend_schema(
        operation_id="stats",
        summary="Figures about the tenant's memories",
        description="Kept up to date by every change, never counted by a scan. Needs `read`.",
        parameters=[StatsQuery],
        responses={200: StatsOutput, **problem_responses()},
        tags=["hub"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(StatsQuery, request, query=True)
        return Response({"success": True, **stats.get(principal=self.principal(request, query))})
