"""How search results that are entries are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from memoryhub.access.principals import Principal
from memoryhub.search.presenters import visible, visible_rows

SHOWN = (
    "key", "layer", "scope", "priority", "category", "memory_type", "importance", "tags", "user_id", "session_id",
    "agent_id", "author", "sync_version", "created_at", "updated_at",
)  # fmt: skip
# written out, not a queryset: building that costs more than running it
LOAD = f"""
SELECT e.id, e.value, e.metadata, {", ".join(f"e.{name}" for name in SHOWN)} FROM memory_context_registry e
WHERE e.id = ANY (%s) AND e.deleted_at IS NULL AND {visible("e")}
"""


def entries(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones of these entries. Deleted ones are left out."""
    return {row[0]: shown(row) for row in visible_rows(LOAD, ids, principal)}


def shown(row: Sequence[Any]) -> dict[str, Any]:
    entry_id, value, metadata, *values = row
    fields = dict(zip(SHOWN, values, strict=True))
    return {"entry_id": entry_id, "value": json.loads(value), "metadata": json.loads(metadata), **fields}
