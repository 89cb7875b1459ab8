"""The package of a hand-off: all that the next agent needs, sealed with a checksum."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import connection

from sessions_app import summaries
from sessions_app.models import Session
from sessions_app.selectors import context

#: Characters of recent messages in one package: the last one always, older ones while they fit.
MOST_TEXT = 200_000


def pack(session: Session, about: dict[str, Any]) -> dict[str, Any]:
    """``about`` is what the giver says; the rest is the session's state at this moment.

    The result is as the database will give it back, so that the checksum holds for ever.
    """
    package = {
        **about,
        "session_id": session.session_id,
        "user_id": session.user_id,
        "message_count": session.message_count,
        "conversation_summary": summaries.counts(session.role_counts),
        "highlights": summaries.highlights(session),
        "critical_facts": session.critical_facts,
        "pending_tasks": [context.as_task(task) for task in context.open_tasks(session)],
        "recent_messages": recent(session),
        "working_memory": session.working_memory,
        "initial_context": session.context_snapshot,
    }
    return stored(package)


def recent(session: Session) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    room = MOST_TEXT
    for message in reversed(context.recent_messages(session)):
        room -= len(message.content)
        if room < 0 and kept:
            break
        kept.append(context.as_message(message))
    return kept[::-1]


def stored(value: dict[str, Any]) -> dict[str, Any]:
    """The value after a trip through jsonb, which writes some numbers in another form."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(value, default=plain)])
        result: dict[str, Any] = json.loads(cursor.fetchone()[0])
    return result


def plain(value: Any) -> str:
    """Times as the API writes them; ids as text."""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def checksum(package: dict[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON: keys sorted, no spaces, UTF-8 without escapes."""
    canonical = json.dumps(package, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
