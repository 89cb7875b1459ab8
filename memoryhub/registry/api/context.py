"""Doors to entries by key and by id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.schema import example, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.principals import Principal
from memoryhub.registry.api.documents import Answer, entry_response, moment, stored_answer
from memoryhub.registry.api.preconditions import conditions, if_version, required
from memoryhub.registry.api.serializers import (
    ChangeInput,
    DeletedOutput,
    DeleteQuery,
    EntryOutput,
    GetQuery,
    NamingQuery,
    RetrieveInput,
    SharedStoreInput,
    StoredOutput,
)
from memoryhub.registry.services import deletion, entries, sharing
from memoryhub.registry.services.drafts import Change, Draft

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    pattern=r'^(\*|"\d{1,9}")$',
    description='The version you saw, as "3".',
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    enum=["*"],
    description="* stores only if there is no such entry.",
)
LOCK_FENCE = OpenApiParameter(
    "Lock-Fence",
    str,
    OpenApiParameter.HEADER,
    pattern="^[1-9][0-9]{0,17}$",
    description="The number of the lock that you hold on the entry.",
)
#: Headers of doors that change an entry.
CHANGING: list[Any] = [IF_MATCH, LOCK_FENCE]
STORE_EXAMPLE = example(
    "A user's preference",
    {
        "key": "customer_preference_123",
        "value": {"theme": "dark", "notifications": True},
        "layer": "long_term",
        "scope": "user",
        "priority": "high",
        "category": "user_preferences",
        "source": "ui_settings",
        "user_id": "user_789",
    },
    request=True,
)
RETRIEVE_EXAMPLE = example(
    "By key", {"key": "customer_preference_123", "scope": "user", "user_id": "user_789"}, request=True
)


class EntryView(HubView):
    """Base of doors that know an entry by its id: whom the request speaks about stands in the query string."""

    def caller(self, request: Request) -> Principal:
        return self.principal(request, self.read(NamingQuery, request, query=True))


class StoreView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="context_store",
        summary="Store an entry",
        description="Creates the entry with this key and scope, or makes a new version of it. Values come back as the "
        "same JSON: numbers keep their value and not their spelling (1e2 comes back as 100), members of an object may "
        "change their order. What belongs to an agent of higher priority is proposed instead (202). Needs `write`.",
        request=SharedStoreInput,
        responses={200: StoredOutput, 202: StoredOutput, **problem_responses(404, 409, 412, 422)},
        parameters=[*CHANGING, IF_NONE_MATCH],
        examples=[STORE_EXAMPLE],
        tags=["context"],
    )
    def post(self, request: Request) -> Answer:
        data = self.read(SharedStoreInput, request)
        self.keeps_answer = not data.get("encrypted", False)
        agents = data.pop("share_with_agents", [])
        stored = sharing.store_and_share(
            Draft(**data, **conditions(request)), principal=self.principal(request, data), agent_ids=agents
        )
        return stored_answer(stored)


class RetrieveView(HubView):
    @extend_schema(
        operation_id="context_retrieve",
        summary="Find an entry by its key",
        description="Expired and archived entries are not found. Needs `read`.",
        request=RetrieveInput,
        responses={200: EntryOutput, **problem_responses(404)},
        examples=[RETRIEVE_EXAMPLE],
        tags=["context"],
    )
    def post(self, request: Request) -> HttpResponse:
        return entry_response(entries.retrieve(**self.read(RetrieveInput, request), principal=self.principal(request)))


class OneEntryView(EntryView):
    permissions = {"PATCH": "write", "DELETE": "write"}

    @extend_schema(
        operation_id="context_get",
        summary="Read an entry by its id",
        description="Name the user or session in the query to reach what is theirs. Needs `read`.",
        parameters=[GetQuery],
        responses={200: EntryOutput, **problem_responses(404)},
        tags=["context"],
    )
    def get(self, request: Request, entry_id: UUID) -> HttpResponse:
        query: dict[str, Any] = self.read(GetQuery, request, query=True)
        archived = query.pop("include_archived", False)
        return entry_response(
            entries.get(entry_id, principal=self.principal(request, query), include_archived=archived)
        )

    @extend_schema(
        operation_id="context_change",
        summary="Change an entry",
        description="Needs `write` and the version that you saw in If-Match: 428 without, 412 when it has moved on, "
        "unless `on_conflict` is resolve. What belongs to an agent of higher priority is proposed instead (202).",
        request=ChangeInput,
        responses={200: StoredOutput, 202: StoredOutput, **problem_responses(404, 409, 412, 428)},
        parameters=[NamingQuery, *CHANGING],
        examples=[example("A new value", {"value": {"theme": "light"}}, request=True)],
        tags=["context"],
    )
    def patch(self, request: Request, entry_id: UUID) -> Answer:
        seen = required(request)
        change = Change(**self.read(ChangeInput, request), **seen)
        stored = entries.change(entry_id, change, principal=self.caller(request))
        return stored_answer(stored)

    @extend_schema(
        operation_id="context_delete",
        summary="Delete an entry",
        description="It can be restored for 30 days; an ephemeral one is gone at once. A permanent entry needs `admin` "
        "and a reason. Needs `write`.",
        parameters=[DeleteQuery, *CHANGING],
        responses={200: DeletedOutput, **problem_responses(404, 409, 412)},
        tags=["context"],
    )
    def delete(self, request: Request, entry_id: UUID) -> Response:
        query = self.read(DeleteQuery, request, query=True)
        reason = query.pop("reason", "")
        gone = deletion.delete(
            entry_id, principal=self.principal(request, query), reason=reason, if_version=if_version(request)
        )
        return Response(
            {
                "success": True,
                "entry_id": str(gone.entry_id),
                "sync_version": gone.sync_version,
                "restorable_until": moment(gone.restorable_until),
            }
        )
