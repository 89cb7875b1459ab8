"""Doors to hand-offs."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import page_of
from memoryhub.access.api.views import HubView
from sessions_app.api import examples, rendering
from sessions_app.api.describing import describe
from sessions_app.api.inputs import CallerInput, CallerPage, HandoffInput, RejectInput
from sessions_app.api.outputs import HandoffContextOutput, HandoffFields, HandoffOutput
from sessions_app.models import Handoff
from sessions_app.selectors import lists
from sessions_app.services import handoffs


def answered(handoff: Handoff) -> Response:
    return Response(
        {
            "success": True,
            **rendering.handoff(handoff),
            "context_snapshot": rendering.handoff_snapshot(handoff),
        }
    )


class HandoffView(HubView):
    permissions = {"POST": "write"}

    @describe(
        "session_handoff",
        takes=HandoffInput,
        answer=HandoffOutput,
        errors=(404, 409, 422),
        sent=examples.HANDOFF,
        answered=examples.HANDED_OFF,
    )
    def post(self, request: Request) -> Response:
        """Hand a session to another agent, with everything it needs.

        The receiver is the current agent at once; its first action, or accepting, accepts. Rejecting, or no
        answer in time, turns the session back.
        """
        data = self.read(HandoffInput, request)
        return answered(
            handoffs.give(
                session_id=data["session_id"],
                to_agent=data["to_agent"],
                handoff_reason=data["handoff_reason"],
                critical_info=data.get("critical_info"),
                continuation_instructions=data["continuation_instructions"],
                principal=self.principal(request, data),
            )
        )


class AcceptView(HubView):
    permissions = {"POST": "write"}

    @describe("session_handoff_accept", takes=CallerInput, answer=HandoffOutput, errors=(404, 409, 422))
    def post(self, request: Request, handoff_id: UUID) -> Response:
        """Take over what was handed to you. Accepting again changes nothing."""
        data = self.read(CallerInput, request)
        return answered(handoffs.accept(handoff_id=handoff_id, principal=self.principal(request, data)))


class RejectView(HubView):
    permissions = {"POST": "write"}

    @describe("session_handoff_reject", takes=RejectInput, answer=HandoffOutput, errors=(404, 409, 422))
    def post(self, request: Request, handoff_id: UUID) -> Response:
        """Decline a hand-off: the session turns back to the agent that gave it."""
        data = self.read(RejectInput, request)
        principal = self.principal(request, data)
        return answered(handoffs.reject(handoff_id=handoff_id, reason=data["reason"], principal=principal))


class HandoffContextView(HubView):
    @describe("session_handoff_context", query=CallerInput, answer=HandoffContextOutput, errors=(404,))
    def get(self, request: Request, session_id: str) -> Response:
        """The latest hand-off of a session, with the package that its giver left."""
        data = self.read(CallerInput, request, query=True)
        latest = lists.latest_handoff(session_id=session_id, principal=self.principal(request, data))
        return Response({"success": True, **rendering.handoff_context(latest)})


class HandoffListView(HubView):
    @describe("session_handoffs", query=CallerPage, answer=page_of(HandoffFields, "HandoffPage"), errors=(404,))
    def get(self, request: Request, session_id: str) -> Response:
        """All hand-offs of a session, the latest first."""
        data = self.read(CallerPage, request, query=True)
        principal = self.principal(request, data)
        return page(
            request,
            lists.handoffs(session_id=session_id, principal=principal),
            principal=principal,
            query=data,
            render=lambda found: [rendering.handoff(handoff) for handoff in found],
        )
