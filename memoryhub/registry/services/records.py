"""An entry as it is read: plain data, whichever table it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.registry.models import ContextEntry


@dataclass(slots=True)
class Entry:
    """One entry. ``value_json`` and ``metadata_json`` are JSON texts as the database holds them."""

    entry_id: UUID
    key: str
    layer: str
    scope: str
    priority: str
    category: str
    source: str
    tenant_id: str | None
    user_id: str | None
    session_id: str | None
    agent_id: str | None
    value_json: str
    metadata_json: str
    memory_type: str
    importance: float
    tags: list[str]
    origin_session: str | None
    encrypted: bool
    author: str
    owner: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    access_count: int
    sync_version: int
    parent_id: UUID | None = None
    archived_at: datetime | None = None
    legal_hold: bool = False

    @property
    def value(self) -> Any:
        return json.loads(self.value_json)

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.metadata_json)
        return found


def from_model(row: ContextEntry) -> Entry:
    """The entry of a loaded row."""
    columns: dict[str, Any] = {name: getattr(row, name, None) for name in Entry.__slots__}
    columns |= {"value_json": dumped(row.value), "metadata_json": dumped(row.metadata), "entry_id": row.pk}
    return Entry(**columns)


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


SHARED = (
    "id", "key", "layer", "scope", "priority", "category", "source", "tenant_id", "user_id", "session_id", "agent_id",
    "value", "metadata", "memory_type", "importance", "tags", "origin_session", "encrypted", "author", "owner",
    "created_at", "updated_at", "expires_at", "access_count", "sync_version",
)  # fmt: skip
DURABLE = ("parent_id", "archived_at", "legal_hold")
COLUMNS = ", ".join(SHARED + DURABLE)


def rows_of(found: QuerySet[Any], *, principal: Principal) -> list[Entry]:
    """The entries of a queryset over either table, in one round trip."""
    durable = found.model is ContextEntry
    statement, params = found.values_list(*(SHARED + DURABLE if durable else SHARED)).query.sql_with_params()
    rows = one_trip(statement, params, principal=principal)
    return [Entry(*row) for row in rows]
