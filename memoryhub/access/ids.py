"""Ids made by the server: UUIDv7, so that new rows land at the end of an index."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
