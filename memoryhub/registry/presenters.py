"""How search results that are entries are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry

SHOWN = (
    "key", "value", "layer", "scope", "priority", "category", "memory_type", "importance", "tags", "metadata",
    "user_id", "session_id", "agent_id", "author", "sync_version", "created_at", "updated_at",
)  # fmt: skip


def entries(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones of these entries. Deleted ones are left out."""
    found = ContextEntry.objects.visible_to(principal).filter(pk__in=ids, deleted_at=None).values("pk", *SHOWN)
    return {row["pk"]: {"entry_id": row["pk"], **{name: row[name] for name in SHOWN}} for row in found}
