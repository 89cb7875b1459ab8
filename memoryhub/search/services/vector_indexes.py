"""Vector indexes of single tenants: which ought to be there, and making it so. Runs as the owner of the tables.

A tenant with more vectors than are compared exactly (``search.candidate_cap``) gets an HNSW index over its own
rows, in each model that embedded them; so does a single reach that is as large and yet less than half of its tenant.
Everything can be interrupted anywhere: the next round drops what was left half built and goes on. Malkov and
Yashunin, "Efficient and robust approximate nearest neighbor search using HNSW graphs", 2016.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.timezone import now
from psycopg import sql

from memoryhub.search.big_tenants import KEPT_ABOVE, PREFIX, Place, Size, wanted
from memoryhub.search.models import VectorIndex

logger = logging.getLogger(__name__)

#: m and ef_construction, as pgvector has them by default: what recall lacks, a longer list at the search gives,
#: at once and without a build of minutes.
LINKS, BUILD_LIST = 16, 64
#: Of the server's process that builds.
NICE = 10
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=24)

#: Indexes are made by one process at a time; its lock ends with its connection.
LOCK = "SELECT pg_try_advisory_lock(hashtext('memoryhub.vector_indexes'))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext('memoryhub.vector_indexes'))"
# Rows of the narrow index by reach, without a look at the vectors: nearly every row has one in each model.
BIG_TENANTS = """
SELECT tenant_id FROM memory_search_index WHERE tenant_id IS NOT NULL GROUP BY tenant_id HAVING count(*) > %s
"""
COUNTS = """
SELECT tenant_id, model, reach, count(*), min(vector_dims(embedding)), max(vector_dims(embedding))
FROM memory_context_vectors WHERE tenant_id = %(tenant)s AND vector_dims(embedding) <= 1200 GROUP BY 1, 2, 3
UNION ALL
SELECT tenant_id, model, reach, count(*), min(vector_dims(embedding)), max(vector_dims(embedding))
FROM memory_context_vectors WHERE tenant_id = %(tenant)s AND vector_dims(embedding) > 1200 GROUP BY 1, 2, 3
"""
CREATE = sql.SQL(
    "CREATE INDEX CONCURRENTLY {name} ON memory_context_vectors "
    "USING hnsw ((embedding::halfvec({dimension})) halfvec_ip_ops) WITH (m = {links}, ef_construction = {list}) "
    "WHERE tenant_id = {tenant} AND model = {model} AND {rest}"
)
INDEXES = """
SELECT c.relname, i.indisvalid, pg_relation_size(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'memory_context_vectors'::regclass AND starts_with(c.relname, %s)
"""


def tend(say: Callable[[str], None] = logger.info) -> None:
    """One round: clears up, drops what is no longer needed, builds what is missing. Repeating it changes nothing.

    Ends at once where another process is at it. Raises DatabaseError when the database does not answer.
    """
    with alone() as here, build_settings():
        if not here:
            say("Another process is at work on the vector indexes.")
            return
        clear_up(say)
        sizes = wanted(survey(), have=kept(), cap=settings.CONFIG.search.candidate_cap)
        for place in kept():
            if place not in sizes:
                drop(place)
                say(f"Dropped the vector index of {place}: exact search is as fast again.")
        for place, size in sizes.items():
            build_if_due(place, size, say)


@contextmanager
def alone() -> Iterator[bool]:
    """True inside when no other process holds the lock."""
    [(here,)] = rows_of(LOCK)
    try:
        yield here
    finally:
        if here:
            rows_of(UNLOCK)


@contextmanager
def build_settings() -> Iterator[None]:
    """For a build that takes one processor, gives way to others, and ends soon after its process was killed."""
    chosen = {
        "maintenance_work_mem": f"{settings.CONFIG.search.index_memory_mb}MB",
        "max_parallel_maintenance_workers": "0",
        "statement_timeout": "0",
        "client_connection_check_interval": "2s",
    }
    for name, value in chosen.items():
        rows_of("SELECT set_config(%s, %s, false)", name, value)
    yield_to_others()
    try:
        yield
    finally:
        for name in chosen:
            run(sql.SQL("RESET {}").format(sql.Identifier(name)))


def yield_to_others() -> None:
    """Takes the server's process that does the work behind all others, where that runs on this machine."""
    if settings.CONFIG.database.url is None:
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, connection.connection.info.backend_pid, NICE)


# -- what ought to be there ---------------------------------------------------------------------------


def survey() -> dict[Place, Size]:
    """Vectors by tenant, model and reach, of all tenants that may need an index."""
    least = int(settings.CONFIG.search.candidate_cap * KEPT_ABOVE)
    tenants = [row[0] for row in rows_of(BIG_TENANTS, least)]
    found = {}
    for tenant in tenants:
        for tenant_id, model, reach, count, low, high in rows_of(COUNTS, tenant=tenant):
            found[Place(tenant_id, model, reach)] = Size(count, (low, high))
    return found


# -- what is there ------------------------------------------------------------------------------------


def kept() -> dict[Place, VectorIndex]:
    return {Place(row.tenant_id, row.model, row.reach): row for row in VectorIndex.objects.all()}


def clear_up(say: Callable[[str], None]) -> None:
    """After a round that was cut short, a restore or a hand that dropped something: rows and indexes agree again."""
    there = {name: (valid, size) for name, valid, size in rows_of(INDEXES, PREFIX)}
    ready = {row.name for row in VectorIndex.objects.filter(status=VectorIndex.Status.READY)}
    for name, (valid, _) in there.items():
        if not valid or name not in ready:
            drop_index(name)
            say("Dropped a vector index that was left half built.")
    lost = VectorIndex.objects.filter(name__in=[name for name in ready if not there.get(name, (False, 0))[0]])
    lost.update(status=VectorIndex.Status.FAILED, reason="The index is gone from the database.", attempts=0)
    cut_short = VectorIndex.objects.filter(status=VectorIndex.Status.BUILDING)
    cut_short.update(status=VectorIndex.Status.FAILED, reason="The process that built it ended before it was done.")


def drop(place: Place) -> None:
    # the row first: a search that reads it in between compares all, as it does without an index
    VectorIndex.objects.filter(name=place.name).delete()
    drop_index(place.name)


def drop_index(name: str) -> None:
    run(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))


# -- building -----------------------------------------------------------------------------------------


def build_if_due(place: Place, size: Size, say: Callable[[str], None]) -> None:
    row = VectorIndex.objects.filter(name=place.name).first()
    if row is not None and row.status == VectorIndex.Status.READY:
        refresh(row, size)
    elif row is None or row.started_at + pause(row.attempts) <= now():
        build(place, size, attempts=row.attempts + 1 if row else 1, say=say)


def pause(attempts: int) -> timedelta:
    """Between attempts: none after the first, which is more often stopped than wrong, then ever longer."""
    if attempts <= 1:
        return timedelta(0)
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 2, 20))


def refresh(row: VectorIndex, size: Size) -> None:
    """What the search function reads of an index in use, as far as it has changed."""
    [(row.bytes,)] = rows_of("SELECT pg_relation_size(%s::regclass)", row.name)
    row.rows, row.large_reaches = size.rows, list(size.large_reaches)
    row.exact_up_to = settings.CONFIG.search.candidate_cap
    row.save(update_fields=["rows", "bytes", "large_reaches", "exact_up_to"])


def build(place: Place, size: Size, *, attempts: int, say: Callable[[str], None]) -> None:
    """One attempt, counted before it begins: one that takes the server down must not be repeated without end."""
    facts: dict[str, Any] = {
        "tenant_id": place.tenant_id,
        "model": place.model,
        "reach": place.reach,
        "dimension": size.dimensions[1],
        "rows": size.rows,
        "large_reaches": list(size.large_reaches),
        "exact_up_to": settings.CONFIG.search.candidate_cap,
    }
    begun = {"status": VectorIndex.Status.BUILDING, "reason": "", "attempts": attempts, "started_at": now()}
    row, _ = VectorIndex.objects.update_or_create(name=place.name, defaults=facts | begun)
    started = time.monotonic()
    try:
        create_index(place, size)
    except (DatabaseError, MixedDimensions) as error:
        fail(row, str(error).strip().splitlines()[0], say)
    else:
        finish(row, time.monotonic() - started, say)


class MixedDimensions(Exception):
    """The model has vectors of different lengths. Embed this tenant's rows again with one of them."""

    def __str__(self) -> str:
        return str(self.__doc__)


def create_index(place: Place, size: Size) -> None:
    low, high = size.dimensions
    if low != high:
        raise MixedDimensions
    # the same words as in search_nearest_statement, which say that they are true of every row
    every = sql.SQL("row_id >= {}").format(sql.Literal(str(UUID(int=0))))
    run(
        CREATE.format(
            name=sql.Identifier(place.name),
            dimension=sql.Literal(high),
            links=sql.Literal(LINKS),
            list=sql.Literal(BUILD_LIST),
            tenant=sql.Literal(place.tenant_id),
            model=sql.Literal(place.model),
            rest=every if place.reach is None else sql.SQL("reach = {}").format(sql.Literal(place.reach)),
        )
    )


def fail(row: VectorIndex, reason: str, say: Callable[[str], None]) -> None:
    connection.ensure_connection()
    row.status, row.reason = VectorIndex.Status.FAILED, reason
    row.save(update_fields=["status", "reason"])
    drop_index(row.name)
    say(f"The vector index of {row} could not be built: {reason} Until then its searches compare all rows.")


def finish(row: VectorIndex, seconds: float, say: Callable[[str], None]) -> None:
    [(row.bytes,)] = rows_of("SELECT pg_relation_size(%s::regclass)", row.name)
    row.status, row.attempts, row.seconds, row.built_at = VectorIndex.Status.READY, 0, seconds, now()
    row.save(update_fields=["bytes", "status", "attempts", "seconds", "built_at"])
    say(f"Built the vector index of {row}: {row.rows:,} rows, {row.bytes / 1e6:.0f} MB, {seconds:.0f} s.")


# -- statements ---------------------------------------------------------------------------------------


def rows_of(statement: str, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, named or list(values))
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.connection))
