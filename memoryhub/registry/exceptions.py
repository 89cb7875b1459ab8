"""What the registry may refuse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from memoryhub.access.exceptions import Conflict, Forbidden, NotFound, RateLimited, VersionStale


class EntryStale(VersionStale):
    """The entry is at another version than the one that you named. Read it again and repeat."""

    def __init__(self, current: int | None, **extra: Any) -> None:
        message = "There is no such entry, so no version of it matches." if current is None else None
        super().__init__(message or (type(self).__doc__ or ""), current_version=current, **extra)


class ParentNotFound(NotFound):
    """There is no such parent entry."""

    code = "parent_not_found"

    def __init__(self) -> None:
        super().__init__(errors=[{"field": "parent_id", "message": "There is no such parent entry."}])


class TargetNotFound(NotFound):
    """There is no such entry to link to."""

    code = "target_not_found"

    def __init__(self) -> None:
        super().__init__(errors=[{"field": "target_id", "message": "There is no such entry to link to."}])


class EntryExists(Conflict):
    """There is already an entry with this key. Change it, or store without on_conflict=fail."""

    code = "already_exists"


class DurableExists(Conflict):
    """A durable entry with this key exists, and an ephemeral one must not hide it. Choose another key or layer."""

    code = "durable_exists"


class PermanentEntry(Forbidden):
    """This entry is permanent. Only a key with the permission 'admin', with a reason, may delete or demote it."""

    code = "permanent_entry"


class LegalHold(Conflict):
    """This entry is under legal hold. An administrator has to lift the hold first."""

    code = "legal_hold"


class EphemeralEntryError(Conflict):
    """An ephemeral entry has no history. Store it in a durable layer first."""

    code = "ephemeral_entry"


class NotGranted(Forbidden):
    """This memory belongs to another agent. Ask that agent for a grant with can_write."""

    code = "agent_mismatch"


class EntryLocked(Conflict):
    """The entry is locked. Wait until the lock is released or ends, or ask for it; its holder sends Lock-Fence."""

    code = "locked"

    def __init__(self, holder: str, expires_at: datetime | str, retry_after: float | str | None = None) -> None:
        """``expires_at`` as a time or in ISO 8601; ``retry_after`` in seconds, until then where it is left out."""
        ends = datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else expires_at
        left = (ends - datetime.now(UTC)).total_seconds() if retry_after is None else float(retry_after)
        self.retry_after = max(left, 0.0)
        until = ends.isoformat().replace("+00:00", "Z")
        super().__init__(
            f"'{holder}' holds the lock of this entry until {until} at the latest. Wait, or ask for the lock yourself; "
            "if it is yours, send its number as Lock-Fence.",
            holder=holder,
            expires_at=until,
        )


class TooManyWaiters(RateLimited):
    """Too many callers wait for this lock already. Ask again later."""

    code = "too_many_waiters"


class NotLockHolder(Forbidden):
    """Another agent holds this lock. Only its holder, or an administrator with a reason, can release it."""

    code = "not_lock_holder"


class StaleFence(Conflict):
    """You do not hold this lock any more, or named an old fencing number. Acquire the lock again."""

    code = "stale_fence"


class RestrictedCategory(Forbidden):
    """Memories of this category never leave their agent. Store it with the scope 'agent', and do not share it."""

    code = "restricted_category"


class MemoryTypeRefused(Forbidden):
    """This agent may not store memories of this type. Its profile says which types it may store."""

    code = "memory_type_not_allowed"


class LowerPriority(Forbidden):
    """This memory belongs to an agent of higher priority. Propose the change instead: submit it as a conflict."""

    code = "lower_priority"

    def __init__(self, entry_id: UUID | None = None) -> None:
        self.entry_id = entry_id
        super().__init__()
