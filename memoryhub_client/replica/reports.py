"""What a replica answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """One memory as the replica shows it: the committed version with the local edit, if any, laid over it.

    ``document`` is everything the hub said of it, with the names of the REST API. ``own``: it is this agent's;
    else it was granted by ``agent_id``. ``pending``: an edit waits to be pushed or answered.
    """

    document: dict[str, Any]
    own: bool
    can_write: bool
    pending: bool

    @property
    def entry_id(self) -> str:
        return str(self.document["entry_id"])

    @property
    def key(self) -> str:
        return str(self.document["key"])

    @property
    def value(self) -> Any:
        return self.document.get("value")

    @property
    def version(self) -> int:
        """The committed version below; 0 for what the hub has not seen yet."""
        return int(self.document.get("sync_version") or 0)

    @property
    def agent_id(self) -> str | None:
        return self.document.get("agent_id")

    @property
    def user_id(self) -> str | None:
        return self.document.get("user_id")

    @property
    def disputed(self) -> bool:
        """Others offered another value, and nobody has decided yet."""
        return bool(self.document.get("disputed"))

    @property
    def alternatives(self) -> list[dict[str, Any]]:
        return list(self.document.get("alternatives") or ())

    @property
    def metadata_only(self) -> bool:
        """It is encrypted: replicas hold no value of it."""
        return bool(self.document.get("metadata_only"))


@dataclass(frozen=True, slots=True)
class LocalChange:
    """An edit made here. ``base_version`` None: made without a version of the hub below it.

    ``state``: waiting (not pushed; ``code`` and ``detail`` say why, if the hub could not take it the last time), sent
    (pushed, no answer yet), rejected (``code`` and ``detail`` say why).
    """

    change_id: str
    entry_id: str
    state: str
    op: str
    key: str
    user_id: str | None
    value: Any
    attributes: dict[str, Any]
    strategy: str | None
    base_version: int | None
    base_value: Any
    written_at: str
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class KnownConflict:
    """A conflict that concerns the agent. ``offer``: what was written here, until it is decided."""

    conflict_id: str
    entry_id: str
    status: str
    kind: str
    version: int
    resolution: str
    offer: LocalChange | None


@dataclass(slots=True)
class SyncReport:
    """What one sync did. ``pulled``: items of the feed; ``pushed``: changes that were answered, by outcome below.

    ``deferred``: changes that the hub cannot take now, as the memory is locked; they wait for the next sync.
    """

    pulled: int = 0
    pushed: int = 0
    applied: int = 0
    merged: int = 0
    kept: int = 0
    conflicts: int = 0
    rejected: int = 0
    deferred: int = 0
    reset: bool = False

    def count(self, outcome: str) -> None:
        name = "conflicts" if outcome == "conflict" else outcome
        setattr(self, name, getattr(self, name) + 1)
        self.pushed += 1


@dataclass(frozen=True, slots=True)
class Status:
    """``cursor``: the number in the feed up to which it was read; ``last_sync_at``: ISO 8601, None before the first."""

    path: str
    agent_id: str
    user_id: str | None
    replica_id: str | None
    epoch: int | None
    cursor: int
    last_sync_at: str | None
    entries: int
    pending: int
    rejected: int
    conflicts: int
    stream_url: str | None
