"""Doors to replicas and to the change feed."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors_feed
from agents_app.api.acting import acting_as
from agents_app.api.feed_inputs import (
    ChangesOutput,
    ChangesQuery,
    RegisteredOutput,
    ReplicaInput,
    ReplicaOutput,
    ReplicasQuery,
    replica_document,
)
from agents_app.selectors_feed import CONFLICT, Asked, Changes, Item
from agents_app.services import replicas
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.documents import moment
from memoryhub.registry.services.records import Entry

#: As the database writes it.
ENCRYPTED = '"encrypted" : true'


def stream_url(request: HttpRequest) -> str | None:
    """Where this hub streams live changes, as the caller reaches it; None where it does not."""
    return None


class ReplicasView(HubView):
    repeatable = True

    @extend_schema(
        operation_id="agents_replicas",
        summary="The replicas",
        description="Newest first: those of the key's agent; for a key without an agent and for `admin` all of the "
        "tenant. Needs `read`.",
        parameters=[ReplicasQuery, *PAGE_PARAMETERS],
        responses={200: page_of(ReplicaOutput), **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(ReplicasQuery, request, query=True)
        principal = self.principal(request, {"tenant_id": query.get("tenant_id")})
        return page(
            request,
            replicas.registered(principal=principal, agent_id=query.get("agent_id")),
            principal=principal,
            query=query,
            render=lambda rows: [replica_document(row) for row in rows],
        )

    @extend_schema(
        operation_id="agents_replica_register",
        summary="Register a replica",
        description="A copy of an agent's slice, or of what is about one user in it, that is kept on the agent's side. "
        "Needs `read`.",
        request=ReplicaInput,
        responses={201: RegisteredOutput, **problem_responses(404, 422)},
        examples=[example("A laptop's", {"agent_id": "alden", "name": "laptop"}, request=True)],
        tags=["agents"],
    )
    def post(self, request: Request) -> Response:
        data = self.read(ReplicaInput, request)
        principal = acting_as(self, request, data["agent_id"], data)
        replica = replicas.register(principal=principal, user_id=data.get("user_id"), name=data.get("name", ""))
        document = {
            "success": True,
            "replica_id": str(replica.pk),
            "agent_id": replica.agent_id,
            "epoch": replica.epoch,
            "stream_url": stream_url(request._request),
        }
        return Response(document, status=201)


class ChangesView(HubView):
    @extend_schema(
        operation_id="agents_changes",
        summary="What changed in an agent's slice",
        description="The items of the agent's change feed after a number, each entry as it is now. Of one object only "
        "the newest item is kept. Needs `read`.",
        parameters=[ChangesQuery],
        responses={(200, "application/json"): ChangesOutput, **problem_responses(404)},
        tags=["agents"],
    )
    def get(self, request: Request, agent_id: str) -> HttpResponse:
        query = self.read(ChangesQuery, request, query=True)
        principal = acting_as(self, request, agent_id, query)
        asked = Asked(
            after=query["after"],
            epoch=query.get("epoch"),
            user_id=query.get("user_id"),
            limit=query["limit"],
            replica_id=query.get("replica_id"),
        )
        found = selectors_feed.changes(asked, principal=principal)
        return HttpResponse(changes_json(found, stream_url(request._request)), content_type="application/json")


def changes_json(found: Changes, url: str | None) -> str:
    """The page as JSON; entries are passed on as the database wrote them."""
    head = {
        "success": True,
        "epoch": found.epoch,
        "reset": found.reset,
        "next": found.next,
        "more": found.more,
        "last_seq": found.last_seq,
        "stream_url": url,
    }
    items = ",".join(item_json(item) for item in found.items)
    return f'{json.dumps(head)[:-1]},"items":[{items}]}}'


def item_json(item: Item) -> str:
    text = json.dumps(item_document(item))
    return f'{text[:-1]},"entry":{shown_entry(item.entry)}}}' if item.entry else text


def item_document(item: Item) -> dict[str, Any]:
    """An item without the document of its entry."""
    named = "conflict_id" if item.kind == CONFLICT else "entry_id"
    document: dict[str, Any] = {
        "seq": item.seq,
        "kind": item.kind,
        named: str(item.object_id),
        "version": item.version,
        "can_write": item.can_write,
        "reason": item.reason,
        "at": moment(item.at),
    }
    if item.conflict:
        told = {name: str(value) if name in ("id", "entry_id") else value for name, value in item.conflict.items()}
        document["conflict"] = told
    return document


def shown_entry(entry: Entry) -> str:
    """What is encrypted stays in the hub: a copy gets to know that it is there."""
    # a look before parsing: hardly any entry is encrypted
    if ENCRYPTED not in entry.document or not entry.encrypted:
        return entry.document
    return json.dumps(entry.members | {"value": None, "alternatives": [], "metadata_only": True}, ensure_ascii=False)
