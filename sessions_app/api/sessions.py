"""Doors to the life of a session."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import page_of
from memoryhub.access.api.views import HubView
from sessions_app.api import examples, rendering
from sessions_app.api.describing import describe
from sessions_app.api.inputs import (
    BriefingQuery,
    CallerInput,
    EndInput,
    SessionInput,
    SessionsQuery,
    StartInput,
)
from sessions_app.api.outputs import (
    BriefingOutput,
    ContextOutput,
    EndedOutput,
    ResumedOutput,
    SessionRow,
    StartedOutput,
)
from sessions_app.models import Session
from sessions_app.selectors import briefing, context, lists
from sessions_app.services import endings, oversight, sessions


class StartView(HubView):
    permissions = {"POST": "write"}

    @describe(
        "session_start",
        takes=StartInput,
        answer=StartedOutput,
        errors=(404, 409, 422),
        sent=examples.START,
        answered=examples.STARTED,
    )
    def post(self, request: Request) -> Response:
        """Start a session, or resume the open one of that name.

        A session_id that belongs to another user, or to no user where one is named, is refused with 409:
        nobody takes over a foreign conversation. A session that is no longer open is refused, too: resume it.
        """
        data = self.read(StartInput, request)
        started = sessions.start(
            session_id=data.get("session_id"),
            initial_context=data.get("initial_context"),
            metadata=data.get("metadata"),
            # the name is a wish here: whether the session may be entered is for the verb to say
            principal=self.principal(request, data | {"session_id": None}),
        )
        return Response({"success": True, **rendering.session(started.session), "resumed": started.resumed})


class ResumeView(HubView):
    permissions = {"POST": "write"}

    @describe(
        "session_resume", takes=CallerInput, answer=ResumedOutput, errors=(404, 409, 422), answered=examples.RESUMED
    )
    def post(self, request: Request, session_id: str) -> Response:
        """Resume a session from whatever state it is in, the archive too."""
        data = self.read(CallerInput, request)
        resumed = sessions.resume(session_id=session_id, principal=self.principal(request, data))
        counts = {
            "message_count": resumed.session.message_count,
            "task_count": resumed.task_count,
            "active_agents": resumed.session.active_agents,
        }
        return Response({"success": True, **rendering.session(resumed.session), **counts})


class ContextView(HubView):
    @describe("session_context", query=CallerInput, answer=ContextOutput, errors=(404,), answered=examples.CONTEXT)
    def get(self, request: Request, session_id: str) -> Response:
        """Everything that an agent needs to go on with a session."""
        data = self.read(CallerInput, request, query=True)
        full = context.full_context(session_id=session_id, principal=self.principal(request, data))
        return Response({"success": True, "context": full})


def ended(session: Session) -> dict[str, Any]:
    return {
        "success": True,
        **rendering.session(session),
        "ended_at": session.ended_at,
        "end_reason": session.end_reason,
        "duration_seconds": context.duration(session),
        "message_count": session.message_count,
        "summary": session.summary,
    }


class EndView(HubView):
    permissions = {"POST": "write"}

    @describe("session_end", takes=EndInput, answer=EndedOutput, errors=(404, 409, 422), sent=examples.END)
    def post(self, request: Request) -> Response:
        """End a session: no more messages; the transcript and a summary stay. Ending it again changes nothing."""
        data = self.read(EndInput, request)
        principal = self.principal(request, data)
        return Response(ended(endings.end(session_id=data["session_id"], reason=data["reason"], principal=principal)))


class ArchiveView(HubView):
    permissions = {"POST": "write"}

    @describe("session_archive", takes=SessionInput, answer=EndedOutput, errors=(404, 422))
    def post(self, request: Request) -> Response:
        """Put a session into the archive: searches leave it out unless asked for archived messages.

        Resuming it brings it back.
        """
        data = self.read(SessionInput, request)
        return Response(ended(endings.archive(session_id=data["session_id"], principal=self.principal(request, data))))


class SessionsView(HubView):
    @describe("sessions", query=SessionsQuery, answer=page_of(SessionRow))
    def get(self, request: Request) -> Response:
        """Sessions, the last started first: those of the named user, and those of the tenant as a whole."""
        data = self.read(SessionsQuery, request, query=True)
        principal = self.principal(request, data)
        oversight.note_reading("sessions", principal=principal)
        rows = lists.sessions(principal=principal, status=data.get("status"), agent=data.get("agent"))
        return page(
            request,
            rows,
            principal=principal,
            query=data,
            order=("-start_time", "-id"),
            render=lambda found: [rendering.session_row(session) for session in found],
        )


class BriefingView(HubView):
    @describe("session_briefing", query=BriefingQuery, answer=BriefingOutput, errors=(404,), answered=examples.BRIEFING)
    def get(self, request: Request) -> Response:
        """Where was I: last context, open tasks, system status, recent memory and errors, decisions, procedures."""
        data = self.read(BriefingQuery, request, query=True)
        found = briefing.briefing(session_id=data.get("session_id"), principal=self.principal(request, data))
        return Response(
            {
                "success": True,
                "session_id": found.session_id,
                "context": found.context,
                "todos": found.todos,
                "status": found.status,
                "errors": rendering.latest_errors(found),
                "decisions": [rendering.decision(decision) for decision in found.decisions],
                "pending_handoffs": [rendering.handoff(handoff) for handoff in found.handoffs],
                "recent_memory": found.recent_memory,
                "active_procedures": found.active_procedures,
            }
        )
