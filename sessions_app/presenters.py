"""How search results that are messages are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from memoryhub.access.principals import Principal
from memoryhub.search.presenters import visible, visible_rows

SHOWN = ("session_id", "sequence", "role", "name", "content", "at")
# The index row says who sees the message.
LOAD = f"""
SELECT m.id, m.metadata, s.session_id, m.sequence, m.role, m.name, m.content, m.at
FROM memory_session_messages m
JOIN memory_session_context s ON s.id = m.session_id
JOIN memory_search_index i ON i.id = m.id
WHERE m.id = ANY (%s) AND {visible("i")}
"""


def messages(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones of these messages, with the session that they belong to."""
    return {row[0]: shown(row) for row in visible_rows(LOAD, ids, principal)}


def shown(row: Sequence[Any]) -> dict[str, Any]:
    _, metadata, *values = row
    return {**dict(zip(SHOWN, values, strict=True)), "metadata": json.loads(metadata)}
