"""How search results that are entries are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry
from memoryhub.search import presenters

SHOWN = (
    "key", "layer", "scope", "priority", "category", "memory_type", "importance", "tags", "user_id", "session_id",
    "agent_id", "author", "sync_version", "created_at", "updated_at",
)  # fmt: skip
JSON = ("value", "metadata")


def entries(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones of these entries. Deleted ones are left out."""
    found = ContextEntry.objects.visible_to(principal).filter(pk__in=ids, deleted_at=None)
    rows = presenters.rows(found.values_list("pk", *SHOWN, *JSON), principal)
    return {row[0]: shown(*row) for row in rows}


def shown(entry_id: UUID, *values: Any) -> dict[str, Any]:
    plain, parsed = values[: len(SHOWN)], (json.loads(text) for text in values[len(SHOWN) :])
    return {
        "entry_id": entry_id,
        **dict(zip(SHOWN, plain, strict=True)),
        **dict(zip(JSON, parsed, strict=True)),
    }
