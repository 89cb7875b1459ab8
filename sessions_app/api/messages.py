"""Doors to the messages of a session."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from memoryhub.access.api.views import HubView
from sessions_app.api import examples
from sessions_app.api.describing import describe
from sessions_app.api.inputs import MessageInput, MessagesInput, MessagesQuery
from sessions_app.api.outputs import AddedManyOutput, AddedOutput, MessagesOutput
from sessions_app.models import Message
from sessions_app.selectors import context, lists
from sessions_app.services import messages
from sessions_app.services.messages import NewMessage


def as_new(data: dict[str, Any]) -> NewMessage:
    return NewMessage(
        role=data["role"],
        content=data["content"],
        name=data.get("name"),
        at=data.get("at"),
        metadata=data.get("metadata") or {},
    )


class MessageView(HubView):
    permissions = {"POST": "write"}

    @describe(
        "session_message",
        takes=MessageInput,
        answer=AddedOutput,
        errors=(404, 409, 422),
        sent=examples.MESSAGE,
        answered=examples.ADDED,
    )
    def post(self, request: Request) -> Response:
        """Add one message to a session."""
        data = self.read(MessageInput, request)
        added = messages.append(
            session_id=data["session_id"], messages=[as_new(data)], principal=self.principal(request, data)
        )
        return Response(
            {"success": True, "session_id": data["session_id"], "message_id": added.ids[0], "sequence": added.last}
        )


class MessagesView(HubView):
    permissions = {"POST": "write"}

    @describe(
        "session_messages", takes=MessagesInput, answer=AddedManyOutput, errors=(404, 409, 422), sent=examples.MESSAGES
    )
    def post(self, request: Request) -> Response:
        """Add up to 500 messages to a session, all or none."""
        data = self.read(MessagesInput, request)
        new = [as_new(message) for message in data["messages"]]
        added = messages.append(session_id=data["session_id"], messages=new, principal=self.principal(request, data))
        return Response(
            {
                "success": True,
                "session_id": data["session_id"],
                "message_ids": added.ids,
                "first_sequence": added.first,
                "last_sequence": added.last,
                "count": len(added.ids),
            }
        )


class MessageListView(HubView):
    @describe("session_message_list", query=MessagesQuery, answer=MessagesOutput, errors=(404,))
    def get(self, request: Request, session_id: str) -> Response:
        """The messages of a session in order, after a number."""
        data = self.read(MessagesQuery, request, query=True)
        session, found = lists.messages_after(
            session_id=session_id,
            after=data["after"],
            limit=data["limit"],
            principal=self.principal(request, data),
        )
        return Response(
            {
                "success": True,
                "session_id": session.session_id,
                "message_count": session.message_count,
                "results": [context.as_message(message) for message in found],
                "next": next_page(request, found, session.message_count),
            }
        )


def next_page(request: Request, found: list[Message], last: int) -> str | None:
    if not found or found[-1].sequence >= last:
        return None
    return replace_query_param(request.build_absolute_uri(), "after", found[-1].sequence)
