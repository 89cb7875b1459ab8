"""Doors to the life of a session."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.views import HubView
from sessions_app import selectors
from sessions_app.api.inputs import CallerInput, StartInput
from sessions_app.api.outputs import ContextOutput, ResumedOutput, StartedOutput
from sessions_app.models import Session
from sessions_app.services import sessions


def as_answer(session: Session) -> dict[str, Any]:
    return {
        "success": True,
        "session_id": session.session_id,
        "status": session.status,
        "start_time": session.start_time,
        "last_activity": session.last_activity,
        "tenant_id": session.tenant_id,
        "user_id": session.user_id,
        "version": session.version,
    }


class StartView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(operation_id="session_start", request=StartInput, responses=StartedOutput, tags=["session"])
    def post(self, request: Request) -> Response:
        """Start a session, or resume the open one of that name."""
        data = self.read(StartInput, request)
        started = sessions.start(
            session_id=data.get("session_id"),
            initial_context=data.get("initial_context"),
            metadata=data.get("metadata"),
            principal=self.principal(request, data),
        )
        return Response(as_answer(started.session) | {"resumed": started.resumed})


class ResumeView(HubView):
    permissions = {"POST": "write"}

    @extend_schema(operation_id="session_resume", request=CallerInput, responses=ResumedOutput, tags=["session"])
    def post(self, request: Request, session_id: str) -> Response:
        """Resume a session from whatever state it is in, the archive too."""
        data = self.read(CallerInput, request)
        resumed = sessions.resume(session_id=session_id, principal=self.principal(request, data))
        counts = {
            "message_count": resumed.message_count,
            "task_count": resumed.tasks.count(),
            "active_agents": resumed.active_agents,
        }
        return Response(as_answer(resumed) | counts)


class ContextView(HubView):
    @extend_schema(operation_id="session_context", parameters=[CallerInput], responses=ContextOutput, tags=["session"])
    def get(self, request: Request, session_id: str) -> Response:
        """Everything that an agent needs to go on with a session."""
        data = self.read(CallerInput, request, query=True)
        context = selectors.full_context(session_id=session_id, principal=self.principal(request, data))
        return Response({"success": True, "context": context})
