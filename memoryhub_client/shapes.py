"""What goes over the wire, as Python values."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class MemoryLayer(StrEnum):
    """How long an entry lives."""

    EPHEMERAL = "ephemeral"
    SESSION = "session"
    SHORT_TERM = "short_term"
    LONG_TERM = "long_term"
    PERMANENT = "permanent"


class ContextScope(StrEnum):
    """Who may see an entry."""

    GLOBAL = "global"
    TENANT = "tenant"
    USER = "user"
    SESSION = "session"
    AGENT = "agent"


@dataclass(kw_only=True)
class ContextEntry:
    """One memory. To store it, the fields down to ``metadata`` count; the hub fills the others in its answers."""

    key: str
    value: Any
    layer: MemoryLayer = MemoryLayer.LONG_TERM
    scope: ContextScope = ContextScope.TENANT
    priority: str = "medium"
    category: str = "general"
    source: str = "api"
    tenant_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    expires_at: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    entry_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    access_count: int = 0
    sync_version: int = 0
    score: float | None = None

    ANSWERED = ("entry_id", "created_at", "updated_at", "access_count", "sync_version", "score")

    def to_request(self) -> dict[str, Any]:
        """The body of a store request: what is set, without what only the hub may say."""
        names = [f.name for f in fields(self) if f.name not in self.ANSWERED]
        return {name: getattr(self, name) for name in names if getattr(self, name) not in (None, {})} | {
            "value": self.value
        }

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in answer.items() if name in known}
        if "layer" in values:
            values["layer"] = MemoryLayer(values["layer"])
        if "scope" in values:
            values["scope"] = ContextScope(values["scope"])
        return cls(**{"key": "", "value": None} | values)
