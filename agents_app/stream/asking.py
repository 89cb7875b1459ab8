"""What the stream asks the database, in a few threads that keep their connections."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, TypeVar

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections, transaction
from django.http import HttpResponseBase

from agents_app.selectors_feed import CONFLICT, begin
from agents_app.stream.doors import Subscription
from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.access.walls import set_walls
from memoryhub.registry.api.documents import moment

R = TypeVar("R")
URLCONF = "agents_app.stream.doors"
DATABASE_ERRORS = (OperationalError, InterfaceError)
THREADS = 4
#: Items read at a time.
PAGE = 500
#: Tenant and agent.
Feed = tuple[str, str]

HEAD = """
SELECT h.epoch, f.last_seq FROM memory_hub_epoch h
LEFT JOIN memory_change_feeds f ON f.tenant_id = %s AND f.agent_id = %s
"""
ITEMS = """
SELECT i.seq, i.kind, i.object_id, i.version, i.can_write, i.reason, i.at, i.user_id FROM memory_change_feed i
WHERE i.tenant_id = %s AND i.agent_id = %s AND i.seq > %s ORDER BY i.seq LIMIT %s
"""
HEADS = """
SELECT f.tenant_id, f.agent_id, f.last_seq FROM memory_change_feeds f
JOIN unnest(%s::text[], %s::text[]) AS w (tenant_id, agent_id) USING (tenant_id, agent_id)
"""
KEYS = """
SELECT k.public_id FROM unnest(%s::text[]) AS k (public_id) CROSS JOIN LATERAL access_lookup_key(k.public_id) f
WHERE f.revoked_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > %s) AND f.tenant_active AND f.agent_active
  AND 'read' = ANY (f.scopes)
"""
ACTORS = """
SELECT w.tenant_id, w.agent_id FROM unnest(%s::text[], %s::text[]) AS w (tenant_id, agent_id)
CROSS JOIN LATERAL access_lookup_actor(w.tenant_id, w.agent_id) f WHERE f.tenant_active AND f.agent_active
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it is sent; ``user_id`` decides who gets it."""

    seq: int
    user_id: str | None
    event: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where a feed stands."""

    epoch: int
    last_seq: int


class Asking:
    """``await asking(function, …)`` runs a function with a database connection, in one of its threads."""

    def __init__(self, threads: int = THREADS) -> None:
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="stream-database")

    async def __call__(self, work: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self.pool, run, work, arguments)

    def close(self) -> None:
        """Each thread closes its own connection, which no other may."""
        together = threading.Barrier(self.threads)
        for _ in range(self.threads):
            self.pool.submit(close_connections, together)
        self.pool.shutdown()


def run(work: Callable[..., R], arguments: Sequence[Any]) -> R:
    close_old_connections()
    try:
        return work(*arguments)
    except DATABASE_ERRORS:
        connection.close()
        raise


def close_connections(together: threading.Barrier) -> None:
    together.wait()
    connections.close_all()


class Gate:
    """Asks the doors, through all of Django's middleware, as the web does."""

    def __init__(self) -> None:
        self.handler = WSGIHandler()

    def __call__(self, environ: Mapping[str, Any]) -> HttpResponseBase:
        request = WSGIRequest({**environ, "wsgi.input": BytesIO()})
        request.urlconf = URLCONF
        response = self.handler.get_response(request)
        response.close()
        return response


def head_of(principal: Principal) -> Head:
    names = [principal.tenant_id, principal.agent_id]
    [(epoch, last_seq)] = one_trip(HEAD, names, principal=principal)
    if last_seq is None:
        begin(principal)
        [(epoch, last_seq)] = one_trip(HEAD, names, principal=principal)
    return Head(epoch, last_seq)


def items_after(principal: Principal, after: int) -> list[Item]:
    """The next items of the feed of the principal's agent, at most PAGE."""
    rows = one_trip(ITEMS, [principal.tenant_id, principal.agent_id, after, PAGE], principal=principal)
    return [Item(row[0], row[7], event_of(row)) for row in rows]


def event_of(row: Sequence[Any]) -> bytes:
    seq, kind, object_id, version, can_write, reason, at, _ = row
    named = "conflict_id" if kind == CONFLICT else "entry_id"
    item = {
        "seq": seq,
        "kind": kind,
        named: str(object_id),
        "version": version,
        "can_write": can_write,
        "reason": reason,
        "at": moment(at),
    }
    return event("change", item, number=seq)


def event(name: str, data: object, *, number: int | None = None) -> bytes:
    """One server-sent event; JSON has no line breaks of its own."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def heads_of(feeds: Iterable[Feed]) -> dict[Feed, int]:
    """The last numbers of these feeds, whatever tenants they are of: the numbers and nothing else."""
    wanted = list(feeds)
    tenants, agents = [tenant for tenant, _ in wanted], [agent for _, agent in wanted]
    with transaction.atomic():
        set_walls(("", ",".join(sorted(set(tenants))), ""))
        with connection.cursor() as cursor:
            cursor.execute(HEADS, [tenants, agents])
            return {(tenant, agent): number for tenant, agent, number in cursor.fetchall()}


def still_allowed(subscriptions: Sequence[Subscription]) -> list[bool]:
    """Whose keys, tenants and agents are still good: asked of the database, not of what this process remembers."""
    with connection.cursor() as cursor:
        cursor.execute(KEYS, [sorted({one.public_id for one in subscriptions}), datetime.now(UTC)])
        keys = {public_id for (public_id,) in cursor.fetchall()}
        feeds = sorted({one.feed for one in subscriptions})
        cursor.execute(ACTORS, [[tenant for tenant, _ in feeds], [agent for _, agent in feeds]])
        actors = set(cursor.fetchall())
    return [one.public_id in keys and one.feed in actors for one in subscriptions]
