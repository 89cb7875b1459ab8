"""Doors to what outlives a session: snapshots, decisions, and saving everything at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import page_of
from memoryhub.access.api.views import HubView
from memoryhub.registry.services.drafts import Draft
from sessions_app.api import examples, rendering
from sessions_app.api.describing import describe
from sessions_app.api.inputs import (
    CallerInput,
    DecisionInput,
    OfSessionPage,
    SaveInput,
    SnapshotInput,
    SnapshotsQuery,
)
from sessions_app.api.outputs import (
    DecisionFieldsOutput,
    DecisionOutput,
    SavedOutput,
    SnapshotFieldsOutput,
    SnapshotOutput,
)
from sessions_app.api.work import task_fields
from sessions_app.hooks import NewError
from sessions_app.selectors import lists
from sessions_app.services import oversight, records, saving
from sessions_app.services.records import NewDecision, NewSnapshot
from sessions_app.services.saving import Also


def new_snapshot(data: dict[str, Any]) -> NewSnapshot:
    return NewSnapshot(
        context_data=data.get("context_data"),
        context_type=data["context_type"],
        tags=data.get("tags", []),
        importance=data["importance"],
        expires_at=data.get("expires_at"),
    )


def new_decision(data: dict[str, Any]) -> NewDecision:
    return NewDecision(
        title=data["title"],
        decision=data["decision"],
        rationale=data.get("rationale", ""),
        alternatives=data.get("alternatives", []),
        metadata=data.get("metadata", {}),
    )


class SnapshotView(HubView):
    permissions = {"POST": "write"}

    @describe("session_snapshot", takes=SnapshotInput, answer=SnapshotOutput, errors=(404, 422), sent=examples.SNAPSHOT)
    def post(self, request: Request) -> Response:
        """Keep the context of a session as it is now. Kept for 30 days unless expires_at says otherwise."""
        data = self.read(SnapshotInput, request)
        kept = records.snapshot(
            session_id=data["session_id"], new=new_snapshot(data), principal=self.principal(request, data)
        )
        return Response({"success": True, "snapshot": rendering.snapshot(kept)})


class SnapshotDetailView(HubView):
    @describe("session_snapshot_get", query=CallerInput, answer=SnapshotOutput, errors=(404,))
    def get(self, request: Request, snapshot_id: UUID) -> Response:
        """One snapshot."""
        data = self.read(CallerInput, request, query=True)
        kept = lists.snapshot(snapshot_id=snapshot_id, principal=self.principal(request, data))
        return Response({"success": True, "snapshot": rendering.snapshot(kept)})


class SnapshotsView(HubView):
    @describe(
        "session_snapshots", query=SnapshotsQuery, answer=page_of(SnapshotFieldsOutput, "SnapshotPage"), errors=(404,)
    )
    def get(self, request: Request) -> Response:
        """Snapshots, the latest first."""
        data = self.read(SnapshotsQuery, request, query=True)
        principal = self.principal(request, data)
        oversight.note_reading("snapshots", principal=principal)
        rows = lists.snapshots(
            principal=principal,
            session_id=data.get("session_id"),
            context_type=data.get("context_type"),
            tag=data.get("tag"),
            min_importance=data.get("min_importance"),
        )
        return page(
            request,
            rows,
            principal=principal,
            query=data,
            order=("-timestamp", "-id"),
            render=lambda found: [rendering.snapshot(snapshot) for snapshot in found],
        )


class DecisionView(HubView):
    permissions = {"POST": "write"}

    @describe("session_decision", takes=DecisionInput, answer=DecisionOutput, errors=(404, 422), sent=examples.DECISION)
    def post(self, request: Request) -> Response:
        """Record a decision: what, why, and what else was considered."""
        data = self.read(DecisionInput, request)
        kept = records.decide(
            session_id=data["session_id"], new=new_decision(data), principal=self.principal(request, data)
        )
        return Response({"success": True, "decision": rendering.decision(kept)})


class DecisionsView(HubView):
    @describe(
        "session_decisions", query=OfSessionPage, answer=page_of(DecisionFieldsOutput, "DecisionPage"), errors=(404,)
    )
    def get(self, request: Request) -> Response:
        """Decisions, the latest first."""
        data = self.read(OfSessionPage, request, query=True)
        principal = self.principal(request, data)
        oversight.note_reading("decisions", principal=principal)
        return page(
            request,
            lists.decisions(principal=principal, session_id=data.get("session_id")),
            principal=principal,
            query=data,
            render=lambda found: [rendering.decision(decision) for decision in found],
        )


class SaveView(HubView):
    permissions = {"POST": "write"}

    @describe("session_save", takes=SaveInput, answer=SavedOutput, errors=(404, 409, 422), sent=examples.SAVE)
    def post(self, request: Request) -> Response:
        """Save a session: todo progress, decisions, a snapshot, memories, errors; completed tasks are archived.

        All or nothing.
        """
        data = self.read(SaveInput, request)
        saved = saving.save(
            session_id=data["session_id"],
            new=new_snapshot(data),
            todos=[(todo.get("task_id"), task_fields(todo)) for todo in data.get("todos", [])],
            decisions=[new_decision(decision) for decision in data.get("decisions", [])],
            also=Also(
                memories=[Draft(**memory) for memory in data.get("memories", [])],
                errors=[NewError(**error) for error in data.get("errors", [])],
                status=data.get("status"),
            ),
            principal=self.principal(request, data),
        )
        return Response(
            {
                "success": True,
                "session_id": data["session_id"],
                "snapshot": rendering.snapshot(saved.snapshot),
                "decisions": [rendering.decision(decision) for decision in saved.decisions],
                "tasks_updated": saved.tasks_updated,
                "tasks_archived": saved.tasks_archived,
                "memories": [
                    {"id": stored.entry_id, "key": stored.key, "sync_version": stored.sync_version}
                    for stored in saved.memories
                ],
                "errors_captured": saved.errors_captured,
                "status_snapshot": saved.status.pk if saved.status else None,
            }
        )
