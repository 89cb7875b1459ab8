"""Doors to conflicts: submitting, listing, previewing, deciding, undoing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents_app import selectors_conflicts
from agents_app.api.conflict_inputs import (
    NOBODY,
    AssignInput,
    ConflictHoldInput,
    ConflictsQuery,
    DismissInput,
    PicksInput,
    ResolveInput,
    SnoozeInput,
    SubmitInput,
    UndoInput,
)
from agents_app.api.conflict_outputs import (
    ConflictOutput,
    ConflictPreviewOutput,
    DecidedOutput,
    DeskOutput,
    OneConflictOutput,
    SubmittedOutput,
    conflict_document,
    decided_document,
    offered_document,
    preview_document,
    submitted_document,
)
from agents_app.models import Conflict
from agents_app.services import conflicts
from agents_app.services.conflicts import Place, Submitted
from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import Forbidden
from memoryhub.access.principals import Principal
from memoryhub.registry.api.context import LOCK_FENCE
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.serializers import NamingQuery
from memoryhub.registry.services.addresses import default_scope

TAGS = ["agents"]
SUBMIT = {
    "key": "customer_preference_123",
    "user_id": "user_789",
    "base_version": 3,
    "value": {"theme": "dark", "notifications": False},
    "strategy": "merge_content",
}


class OneConflict(HubView):
    """Base of doors to one conflict: whom the request speaks about stands in the query string."""

    def caller(self, request: Request) -> Principal:
        return self.principal(request, self.read(NamingQuery, request, query=True))


class ConflictsView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="conflicts_list",
        summary="List conflicts",
        description="Those of entries that you may see, newest first; an `admin` key sees all of its tenant. "
        "`user_id` reaches that user's entries, and shows only those. Needs `read`.",
        parameters=[ConflictsQuery, *PAGE_PARAMETERS],
        responses={200: page_of(ConflictOutput), **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(ConflictsQuery, request, query=True)
        principal = self.principal(request, query)
        filters = {name: found for name, found in query.items() if name not in ("limit", "cursor", *NAMED)}
        if filters.get("assignee") == NOBODY:
            filters["assignee"] = ""
        rows = selectors_conflicts.listed(principal=principal, user_id=query.get("user_id"), **filters)
        return page(request, rows, principal=principal, query=query, render=documents)

    @extend_schema(
        operation_id="conflicts_submit",
        summary="Submit a change for resolution",
        description="A change made from an older version is not refused but decided: by `strategy`, else by the "
        "strategy of the agent that owns the memory, else by the setting. What that cannot decide waits for a person "
        "(202). Made from the newest version it is plainly applied. Needs `write`, for that entry too.",
        request=SubmitInput,
        parameters=[LOCK_FENCE],
        responses={200: SubmittedOutput, 202: SubmittedOutput, **problem_responses(404, 409, 422)},
        examples=[example("A preference changed offline", SUBMIT, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        data = self.read(SubmitInput, request)
        principal = self.principal(request, data)
        self.keeps_answer = not data.get("attributes", {}).get("encrypted", False)
        done = conflicts.submit(target_of(data, principal), principal=principal, **change_of(data))
        if done.outcome == "rejected":
            raise Forbidden(done.why, code=done.code)
        return Response(submitted_document(done), status=status_of(done))


#: Members of a request that say about whom it speaks.
NAMED = ("tenant_id", "user_id", "session_id")


def documents(rows: Any) -> list[dict[str, Any]]:
    return [conflict_document(row) for row in rows]


def target_of(data: dict[str, Any], principal: Principal) -> UUID | Place:
    if "entry_id" in data:
        found: UUID = data["entry_id"]
        return found
    scope = data.get("scope") or default_scope(principal.named_user)
    return Place(
        key=data["key"],
        scope=scope,
        user_id=data.get("user_id"),
        session_id=data.get("session_id"),
        agent_id=data.get("agent_id"),
    )


def change_of(data: dict[str, Any]) -> dict[str, Any]:
    names = ("base_version", "value", "deletes", "attributes", "strategy", "written_at", "reason")
    return {name: data[name] for name in names if name in data}


def status_of(done: Submitted) -> int:
    return HTTPStatus.ACCEPTED if done.outcome == "conflict" else HTTPStatus.OK


class ConflictView(OneConflict):
    @extend_schema(
        operation_id="conflicts_get",
        summary="Read a conflict",
        description="With what was offered; while it is open, with the preview of a merge. Needs `read`.",
        parameters=[NamingQuery],
        responses={200: OneConflictOutput, **problem_responses(404)},
        tags=TAGS,
    )
    def get(self, request: Request, conflict_id: UUID) -> Response:
        conflict, seen = conflicts.read(conflict_id, principal=self.caller(request))
        return Response(
            {
                "success": True,
                **conflict_document(conflict),
                "offers": [offered_document(candidate) for candidate in conflict.candidates.all()],
                "preview": preview_document(seen) if seen else None,
            }
        )


class PreviewView(OneConflict):
    @extend_schema(
        operation_id="conflicts_preview",
        summary="Preview a decision",
        description="What resolve would write with the same body, path by path, and what each strategy would do and "
        "why. Changes nothing. Needs `read`.",
        request=PicksInput,
        parameters=[NamingQuery],
        responses={200: ConflictPreviewOutput, **problem_responses(404)},
        examples=[example("Pick one path", {"choices": {"/theme": "candidate:1"}}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        seen = conflicts.preview(conflict_id, principal=self.caller(request), **self.read(PicksInput, request))
        return Response(preview_document(seen))


class ResolveView(OneConflict):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="conflicts_resolve",
        summary="Decide a conflict",
        description="Writes what the preview showed, if neither conflict nor entry has moved since (409 "
        "`conflict_moved` with the new state). Needs `admin`; the agent whose memory it is may let an automatic "
        "strategy decide with `write`.",
        request=ResolveInput,
        parameters=[NamingQuery, LOCK_FENCE],
        responses={200: DecidedOutput, **problem_responses(404, 409, 422)},
        examples=[
            example(
                "By picks",
                {
                    "conflict_version": 1,
                    "entry_version": 4,
                    "choices": {"/theme": "candidate:1", "/tags": "both"},
                    "reason": "The user said so today.",
                },
                request=True,
            )
        ],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        data = self.read(ResolveInput, request)
        return Response(decided_document(conflicts.resolve(conflict_id, principal=self.caller(request), **data)))


class DismissView(OneConflict):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="conflicts_dismiss",
        summary="Dismiss a conflict",
        description="What is committed stays, both entries of a finding stay; what was offered stays in the record. "
        "Needs `admin`.",
        request=DismissInput,
        parameters=[NamingQuery],
        responses={200: DecidedOutput, **problem_responses(404, 409, 422)},
        examples=[example("Why", {"reason": "Both are right."}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        data = self.read(DismissInput, request)
        return Response(decided_document(conflicts.dismiss(conflict_id, principal=self.caller(request), **data)))


class UndoView(OneConflict):
    permissions = {"POST": "write"}

    @extend_schema(
        operation_id="conflicts_undo",
        summary="Undo a decision",
        description="Writes what was there before as a new version. Where the entry was changed since: 409 "
        "`result_moved`; `as_new` does it all the same. Undoing a decision that wrote nothing asks a person. Needs "
        "`admin`; the agent whose memory it is may undo with `write`.",
        request=UndoInput,
        parameters=[NamingQuery, LOCK_FENCE],
        responses={200: DecidedOutput, **problem_responses(404, 409, 422)},
        examples=[example("Ask again", {"reason": "Too hasty.", "reopen": True}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        data = self.read(UndoInput, request)
        return Response(decided_document(conflicts.undo(conflict_id, principal=self.caller(request), **data)))


class DeskView(OneConflict):
    """Base of doors that organize the queue."""

    permissions = {"POST": "admin"}

    def answer(self, conflict: Conflict) -> Response:
        return Response(
            {
                "success": True,
                "conflict_id": str(conflict.pk),
                "assignee": conflict.assignee.get_username() if conflict.assignee else None,
                "snoozed_until": moment(conflict.snoozed_until),
                "held_until": moment(conflict.held_until),
            }
        )


class AssignView(DeskView):
    @extend_schema(
        operation_id="conflicts_assign",
        summary="Give a conflict to a reviewer",
        description="Needs `admin`.",
        request=AssignInput,
        parameters=[NamingQuery],
        responses={200: DeskOutput, **problem_responses(404, 409, 422)},
        examples=[example("To nobody", {"assignee": None}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        name = self.read(AssignInput, request)["assignee"]
        return self.answer(conflicts.assign(conflict_id, principal=self.caller(request), username=name))


class SnoozeView(DeskView):
    @extend_schema(
        operation_id="conflicts_snooze",
        summary="Let a conflict rest",
        description="Until a time at most 30 days ahead. Needs `admin`.",
        request=SnoozeInput,
        parameters=[NamingQuery],
        responses={200: DeskOutput, **problem_responses(404, 409, 422)},
        examples=[example("Wake it", {"until": None}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        until = self.read(SnoozeInput, request)["until"]
        return self.answer(conflicts.snooze(conflict_id, principal=self.caller(request), until=until))


class HoldView(DeskView):
    @extend_schema(
        operation_id="conflicts_hold",
        summary="Keep writers off while deciding",
        description="Agents that write the entry get 409 `locked` until the decision, or until the time is over. "
        "Needs `admin`.",
        request=ConflictHoldInput,
        parameters=[NamingQuery],
        responses={200: DeskOutput, **problem_responses(404, 409, 422)},
        examples=[example("For five minutes", {"seconds": 300}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, conflict_id: UUID) -> Response:
        data = self.read(ConflictHoldInput, request)
        caller = self.caller(request)
        if not data.pop("on"):
            return self.answer(conflicts.unhold(conflict_id, principal=caller))
        return self.answer(conflicts.hold(conflict_id, principal=caller, **data))
