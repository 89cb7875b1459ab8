"""The current state of sessions and their latest messages, for stores outside of the hub."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import F

from memoryhub.sync.states import State
from sessions_app.models import Message, Session
from sessions_app.selectors.context import as_message

#: The latest messages go along; who lacks earlier ones asks ``GET session/<session_id>/messages?after=…``.
LATEST = 100
TOLD = (
    "session_id", "tenant_id", "user_id", "status", "start_time", "last_activity", "ended_at", "end_reason",
    "current_agent", "active_agents", "message_count", "summary",
)  # fmt: skip


def sessions(ids: Sequence[UUID]) -> dict[UUID, State]:
    """The version grows with every message and every change of state."""
    said = latest_messages(ids)
    found = Session.objects.filter(pk__in=ids)
    return {
        session.pk: State(
            session.message_count + session.version,
            {**{name: getattr(session, name) for name in TOLD}, "messages": said[session.pk]},
        )
        for session in found
    }


def latest_messages(ids: Sequence[UUID]) -> defaultdict[UUID, list[dict[str, Any]]]:
    rows = Message.objects.filter(session__in=ids, sequence__gt=F("session__message_count") - LATEST)
    by_session: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for message in rows.order_by("session_id", "sequence"):
        by_session[message.session_id].append(as_message(message))
    return by_session
