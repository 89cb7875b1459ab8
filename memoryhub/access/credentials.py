"""API keys: their form, their digest, and how a presented one becomes a principal.

Form: ``mh_<public id>_<secret>_<checksum>``. The public id finds the row, HMAC-SHA256 with a pepper
proves the secret (a random 256-bit one needs no slow hash), the checksum turns typing errors and cut
keys away without asking the database.
"""

from __future__ import annotations

import hmac
import secrets
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from memoryhub.access.exceptions import Unauthenticated
from memoryhub.access.principals import Principal
from memoryhub.access.remembered import Remembered

PREFIX = "mh"
LOOKUP = "SELECT * FROM access_lookup_key(%s)"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A freshly made key: ``text`` is shown once, ``digest`` is kept."""

    public_id: str
    text: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredKey:
    id: UUID
    tenant_id: str | None
    agent_id: str | None
    user_id: str | None
    name: str
    digest: bytes
    scopes: frozenset[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    tenant_active: bool
    agent_active: bool

    def usable_at(self, now: datetime) -> bool:
        if self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now):
            return False
        return self.tenant_active and self.agent_active


def checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def digest_of(secret: str) -> bytes:
    return hmac.digest(settings.SECRETS.key_pepper.encode(), secret.encode(), "sha256")


def make_key() -> NewKey:
    public_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    body = f"{PREFIX}_{public_id}_{secret}"
    return NewKey(public_id, f"{body}_{checksum(body)}", digest_of(secret))


def split_key(text: str) -> tuple[str, str]:
    """Public id and secret of a presented key; Unauthenticated if its form is wrong."""
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != PREFIX or not text.isascii():
        raise Unauthenticated()
    if not hmac.compare_digest(parts[3], checksum("_".join(parts[:3]))):
        raise Unauthenticated()
    return parts[1], parts[2]


_keys: Remembered[str, StoredKey | None] = Remembered(lambda: settings.CONFIG.access.key_cache_seconds)


def look_up(public_id: str) -> StoredKey | None:
    """The stored key, remembered for ``access.key_cache_seconds``."""
    return _keys.get(public_id, lambda: fetch(public_id))


def forget_cached_keys() -> None:
    _keys.clear()


def fetch(public_id: str) -> StoredKey | None:
    with connection.cursor() as cursor:
        cursor.execute(LOOKUP, [public_id])
        row, description = cursor.fetchone(), cursor.description
    if row is None:
        return None
    names = (column.name for column in description)
    values = dict(zip(names, row, strict=True))
    return StoredKey(**values | {"digest": bytes(values["digest"]), "scopes": frozenset(values["scopes"])})


def verify(text: str) -> StoredKey:
    """The key that ``text`` proves to hold. Raises Unauthenticated, the same for every cause."""
    public_id, secret = split_key(text)
    stored = look_up(public_id)
    # compared even when nothing was found, so that the time does not tell
    matches = hmac.compare_digest(digest_of(secret), stored.digest if stored else bytes(32))
    if stored is None or not matches:
        raise Unauthenticated()
    if not stored.usable_at(datetime.now(UTC)):
        raise Outlived(stored)
    return stored


class Outlived(Unauthenticated):
    __doc__ = Unauthenticated.__doc__

    def __init__(self, stored: StoredKey) -> None:
        super().__init__()
        self.stored = stored


def principal_for(stored: StoredKey, *, acting_agent: str | None, request_id: str) -> Principal:
    """The principal of a verified key; an unbound key acts as the agent that the request names."""
    return Principal(
        kind="key",
        name=stored.name or f"key:{stored.id}",
        tenant_id=stored.tenant_id,
        agent_id=stored.agent_id or acting_agent,
        bound_user=stored.user_id,
        permissions=stored.scopes,
        named_user=stored.user_id,
        key_id=stored.id,
        platform=stored.tenant_id is None,
        request_id=request_id,
    )
