"""Doors to replicas and to the change feed."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors_feed
from agents_app.api.acting import acting_as
from agents_app.api.feed_inputs import (
    ChangesOutput,
    ChangesQuery,
    PushedChangeInput,
    PushInput,
    PushOutput,
    RegisteredOutput,
    ReplicaInput,
    ReplicaOutput,
    ReplicasQuery,
    replica_document,
)
from agents_app.selectors_feed import CONFLICT, Asked, Changes, Item
from agents_app.services import pushing, replicas
from agents_app.services.pushing import Edit, Unreadable
from memoryhub.access.api import problems
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView, checker
from memoryhub.access.exceptions import Invalid
from memoryhub.registry.api.documents import moment
from memoryhub.registry.services.records import Entry
from memoryhub.stream_address import stream_url

PUSH = {
    "replica_id": "019cac5b-6f25-7c8a-8d3e-1f2a3b4c5d6e",
    "changes": [
        {
            "change_id": "019cac5b-6f26-7c8a-8d3e-1f2a3b4c5d6e",
            "op": "put",
            "entry_id": "019cac5b-6f27-7c8a-8d3e-1f2a3b4c5d6e",
            "key": "customer_preference_123",
            "value": {"theme": "dark"},
            "base_version": 3,
            "written_at": "2026-03-02T10:00:00Z",
        }
    ],
}
#: As the database writes it.
ENCRYPTED = '"encrypted" : true'


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


class PushView(HubView):
    permissions = {"POST": "write"}
    #: Each change is carried out once by its own change_id, in a transaction of its own.
    repeatable = False

    @extend_schema(
        operation_id="agents_push",
        summary="Push what was changed on a replica",
        description="Up to 200 changes, each on its own: one that is refused harms no other. A change that was made "
        "from the newest version is applied; a stale one is decided as a submitted conflict is. Sending the same "
        "change again answers the same and does nothing. Needs `write`.",
        request=PushInput,
        responses={200: PushOutput, **problem_responses(404)},
        examples=[example("A new value", PUSH, request=True)],
        tags=["agents"],
    )
    def post(self, request: Request, agent_id: str) -> Response:
        data = self.read(PushInput, request)
        principal = acting_as(self, request, agent_id, {"tenant_id": data.get("tenant_id")})
        edits = [edit_of(number, change) for number, change in enumerate(data["changes"])]
        return Response({"success": True, "results": pushing.push(data["replica_id"], edits, principal=principal)})


def edit_of(number: int, change: Any) -> Edit | Unreadable:
    """The change, or what is wrong with it. Raises Invalid for one that not even an answer could name."""
    try:
        return Edit(**checker(PushedChangeInput).run_validation(change))
    except ValidationError as error:
        try:
            change_id = UUID(change["change_id"])
        except (TypeError, KeyError, ValueError, AttributeError):
            field = f"changes[{number}].change_id"
            raise Invalid(field, "Each change needs a change_id: a UUID that the replica makes.") from error
        return Unreadable(change_id, problems.invalid(error))


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
