"""The current state of entries, for stores outside of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from memoryhub.registry.models import ContextEntry
from memoryhub.sync.states import State

TOPIC = "entry"
TOLD = (
    "key", "value", "metadata", "layer", "scope", "priority", "category", "source", "memory_type", "importance",
    "tags", "tenant_id", "user_id", "session_id", "agent_id", "parent_id", "author", "created_at", "updated_at",
    "expires_at", "archived_at", "encrypted", "sync_version",
)  # fmt: skip


def entries(ids: Sequence[UUID]) -> dict[UUID, State]:
    """Those of these entries that are not deleted. The value of an encrypted one stays in the hub."""
    found = ContextEntry.objects.filter(pk__in=ids, deleted_at=None).values("pk", *TOLD)
    return {row["pk"]: State(row["sync_version"], document(row)) for row in found}


def document(row: dict[str, object]) -> dict[str, object]:
    told = {"entry_id": row["pk"], **{name: row[name] for name in TOLD}}
    return told | {"value": None} if row["encrypted"] else told
