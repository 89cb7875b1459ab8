"""What a conversation is about: the same summary for the same messages, always."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models.functions import Left

from sessions_app.extraction import MOST_READ, key_sentences
from sessions_app.models import Message, Session

ALWAYS_NAMED = ("user", "assistant")
NAMED_IF_PRESENT = ("system", "tool")
#: The last messages that highlights are taken from: bounded, so that no request waits for them.
READ = 60
SPOKEN = (Message.Role.USER, Message.Role.ASSISTANT)


def counts(role_counts: Mapping[str, int]) -> str:
    """``15 messages (8 from user, 7 from assistant)``; other roles are added where they spoke."""
    named = [*ALWAYS_NAMED, *(role for role in NAMED_IF_PRESENT if role_counts.get(role))]
    parts = ", ".join(f"{role_counts.get(role, 0)} from {role}" for role in named)
    return f"{sum(role_counts.values())} messages ({parts})"


def highlights(session: Session, count: int = 3) -> list[str]:
    """The most telling sentences among the last messages, in the order said, as ``speaker: sentence``."""
    rows = Message.objects.filter(session=session, role__in=SPOKEN).order_by("-sequence")
    beginnings = rows.values_list("name", "role", Left("content", MOST_READ))
    turns = [(name or role, text) for name, role, text in beginnings[:READ]]
    return key_sentences(turns[::-1], count)


def full(session: Session) -> str:
    """The counts, and the highlights on lines of their own: what stays when a session ends."""
    return "\n".join([counts(session.role_counts), *highlights(session, 5)])
