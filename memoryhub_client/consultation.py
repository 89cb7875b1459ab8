"""The consultation that calls belong to: set while an operation is under way, in its thread or task alone."""

from __future__ import annotations

from contextvars import ContextVar

HEADER = "Consultation-Token"
current: ContextVar[str | None] = ContextVar("memoryhub_consultation", default=None)


def headers() -> dict[str, str]:
    """What a call sends so that the hub knows its operation; nothing outside of one."""
    token = current.get()
    return {HEADER: token} if token else {}
