"""Writing requests that are safe to repeat: a row that commits with the effect, and the answer in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from memoryhub.access.exceptions import IdempotencyMismatch, TwinRunning
from memoryhub.access.ids import new_id
from memoryhub.access.models import IdempotencyKey
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb

LONGEST_WAIT = "300ms"
# An outlived row is taken over in the same statement: no sweep needs to have run.
CLAIM = """
INSERT INTO memory_idempotency_keys AS kept (id, tenant_id, caller, key, digest, entry_ids, headers, created_at)
VALUES (%s, %s, %s, %s, %s, '[]', '{}', clock_timestamp())
ON CONFLICT (caller, key) DO UPDATE SET digest = excluded.digest, status = NULL, answer = NULL, entry_ids = '[]',
  headers = '{}', created_at = excluded.created_at
WHERE kept.created_at < clock_timestamp() - make_interval(hours => %s)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. ``body`` is None where it must not be kept."""

    status: int
    body: Any
    headers: dict[str, str]
    entry_ids: tuple[str, ...] = ()


def caller_of(principal: Principal) -> str:
    """Keys of different callers never meet: the API key, and what it leaves open per request."""
    parts = [str(principal.key_id or principal.name), principal.agent_id or ""]
    return "/".join([*parts, principal.tenant_id or ""] if principal.platform else parts)


@verb
def claim(*, principal: Principal, key: str, digest: bytes) -> Answer | None:
    """None: the request is the caller's to carry out, then to ``keep``. Else the answer of the first time.

    IdempotencyMismatch for another request under the same key; TwinRunning where the same request runs
    now and does not end within 300 ms.
    """
    hours = settings.CONFIG.access.idempotency_hours
    values = [new_id(), principal.tenant_id, caller_of(principal), key, digest, hours]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
        insert(cursor, values)
        claimed = cursor.fetchone() is not None
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return None if claimed else first_answer(principal, key, digest)


def insert(cursor: Any, values: list[Any]) -> None:
    try:
        cursor.execute(CLAIM, values)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise TwinRunning() from error
        raise


def first_answer(principal: Principal, key: str, digest: bytes) -> Answer:
    row = IdempotencyKey.objects.get(caller=caller_of(principal), key=key)
    if bytes(row.digest) != digest:
        raise IdempotencyMismatch()
    return Answer(status=row.status or 200, body=row.answer, headers=row.headers)


@verb
def keep(*, principal: Principal, key: str, answer: Answer) -> None:
    """Writes the answer into the claimed row; both commit with the effect."""
    IdempotencyKey.objects.filter(caller=caller_of(principal), key=key).update(
        status=answer.status, answer=answer.body, headers=answer.headers, entry_ids=list(answer.entry_ids)
    )


@verb
def forget_entries(*, principal: Principal, entry_ids: Iterable[UUID]) -> int:
    """Empties the answers that name these entries, for erasing them. A repetition still does nothing twice."""
    names = [str(entry_id) for entry_id in entry_ids]
    return IdempotencyKey.objects.visible_to(principal).filter(entry_ids__has_any_keys=names).update(answer=None)


@verb
def sweep(*, principal: Principal, limit: int = 50_000) -> int:
    """Deletes what is older than ``access.idempotency_hours``, at most ``limit`` rows; gives their number."""
    oldest = timezone.now() - timedelta(hours=settings.CONFIG.access.idempotency_hours)
    ended = IdempotencyKey.objects.filter(created_at__lt=oldest).order_by("created_at").values("pk")[:limit]
    return int(IdempotencyKey.objects.filter(pk__in=ended).delete()[0])
