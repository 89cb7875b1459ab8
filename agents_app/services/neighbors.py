"""Which entries an entry is compared with: those of its block that are nearest, and that somebody reads both of.

A block is a tenant, a user (or nobody), a canonical category and a scope. Within agent scope two entries meet where an
agent owns or was granted each of them. Compared are durable entries that are there and not encrypted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from agents_app.detection.reading import Statement, read
from agents_app.detection.scoring import overlap

#: Comparisons for one entry.
NEAREST = 24
#: Entries of one block that are looked at for the nearest: the newest.
LARGEST_BLOCK = 10_000
#: The same where there is no model, and words are compared instead of vectors.
LARGEST_BLOCK_OF_WORDS = 300
#: Vectors that are less alike than this are of two subjects.
LEAST_SIMILARITY = 0.4

THERE = """r.deleted_at IS NULL AND r.archived_at IS NULL AND NOT r.encrypted AND r.tenant_id = %(tenant)s
  AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp() OR r.legal_hold)"""
READERS = """CASE WHEN r.scope = 'agent' THEN ARRAY(
  SELECT r.agent_id UNION SELECT g.agent_id FROM memory_grants g WHERE g.entry_id = r.id AND g.tenant_id = r.tenant_id)
  ELSE ARRAY[r.scope] END"""
# What changed since the mark, and is old enough that whoever wrote it has committed.
CHANGED = f"""
SELECT r.id, r.updated_at FROM memory_context_registry r
WHERE {THERE} AND r.updated_at >= %(at)s AND (r.updated_at, r.id) > (%(at)s, %(entry_id)s) AND r.updated_at <= %(until)s
  AND (%(agent)s::text IS NULL OR r.agent_id = %(agent)s)
ORDER BY r.updated_at, r.id LIMIT %(limit)s
"""
IN_BLOCK = f"""{THERE} AND r.scope = b.scope AND r.session_id IS NOT DISTINCT FROM b.session_id
  AND r.category = ANY (b.spellings)"""
# The blocks of the changed entries, numbered and each read once. A category is stored under its canonical name, but
# for what was stored before it had that alias.
BLOCKS = f"""
WITH e AS MATERIALIZED (
  SELECT r.id, r.scope, r.user_id, r.session_id, r.category AS spelled,
    agents_category(r.tenant_id, r.category) AS category, {READERS} AS readers
  FROM memory_context_registry r WHERE r.id = ANY (%(ids)s) AND {THERE}
), b AS MATERIALIZED (
  SELECT g.*, row_number() OVER () AS block, g.stored || ARRAY(SELECT a.alias FROM memory_category_aliases a
      WHERE a.tenant_id = %(tenant)s AND a.category = g.category) AS spellings
  FROM (SELECT scope, user_id, session_id, category, array_agg(DISTINCT spelled) || category AS stored
    FROM e GROUP BY scope, user_id, session_id, category) g
), c AS MATERIALIZED (
  SELECT e.id, e.readers, b.block FROM e JOIN b ON b.scope = e.scope AND b.user_id IS NOT DISTINCT FROM e.user_id
    AND b.session_id IS NOT DISTINCT FROM e.session_id AND b.category = e.category
), m AS MATERIALIZED (
  SELECT m.* FROM b CROSS JOIN LATERAL (
    SELECT r.id, b.block, {READERS} AS readers FROM (
      SELECT r.* FROM memory_context_registry r WHERE {IN_BLOCK} AND r.user_id = b.user_id
      UNION ALL
      SELECT r.* FROM memory_context_registry r WHERE {IN_BLOCK} AND b.user_id IS NULL AND r.user_id IS NULL
    ) r ORDER BY r.updated_at DESC LIMIT %(block)s) m
)
"""
SAME_BLOCK = "m.block = c.block AND m.id <> c.id AND m.readers && c.readers"
BY_VECTOR = f"""{BLOCKS}, v AS MATERIALIZED (
  SELECT m.*, x.embedding FROM m JOIN memory_context_vectors x ON x.row_id = m.id AND x.model = %(model)s
)
SELECT c.id, n.id, n.similarity FROM c
JOIN memory_context_vectors w ON w.row_id = c.id AND w.model = %(model)s
CROSS JOIN LATERAL (
  SELECT m.id, -(m.embedding <#> w.embedding) AS similarity FROM v m WHERE {SAME_BLOCK}
  ORDER BY m.embedding <#> w.embedding, m.id LIMIT %(nearest)s) n
WHERE n.similarity >= %(least)s
"""
BY_BLOCK = f"""{BLOCKS}
SELECT c.id, m.id FROM c JOIN m ON {SAME_BLOCK}
"""
# Entries as they are compared. Related ones are known to belong together, or to replace each other.
ROWS = """
SELECT r.id, r.key, r.value::text, r.content, r.sync_version, r.memory_type, r.parent_id, r.created_at
FROM memory_context_registry r WHERE r.id = ANY (%s)
"""
LINKED = """
SELECT l.source_id, l.target_id FROM memory_relationships l
WHERE l.source_id = ANY (%(ids)s) AND l.target_id = ANY (%(ids)s) AND l.relationship_type = ANY (%(types)s)
"""
#: Relationships by which somebody has said already how two entries stand to each other.
KNOWN_TYPES = ["duplicate_of", "contradicts", "supersedes", "replaces", "derived_from"]


@dataclass(frozen=True, slots=True)
class Compared:
    """An entry as it is compared."""

    id: UUID
    key: str
    value: Any
    content: str
    version: int
    memory_type: str
    parent_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Two entries of one block, the older one first. ``similarity`` is None without vectors."""

    a: Compared
    b: Compared
    similarity: float | None


Found = dict[tuple[UUID, UUID], float | None]


def changed(
    tenant: str, after: tuple[datetime, UUID], until: datetime, limit: int, agent: str | None = None
) -> list[Any]:
    """(id, updated_at) of the next entries that changed, the oldest change first."""
    at, entry_id = after
    values = {"tenant": tenant, "at": at, "entry_id": entry_id, "until": until, "limit": limit, "agent": agent}
    return rows(CHANGED, values)


def pairs(ids: Sequence[UUID], tenant: str, model: str | None) -> list[Neighbors]:
    """The neighbors of these entries; each pair once, in a fixed order. ``model`` names the vectors that are used."""
    found = by_vector(ids, tenant, model) if model else {}
    found |= {pair: None for pair in by_words(without_vector(ids, model), tenant) if pair not in found}
    loaded = load({entry_id for pair in found for entry_id in pair})
    known = linked(list(loaded))
    found_loaded = [(loaded[a], loaded[b], near) for (a, b), near in sorted(found.items()) if {a, b} <= loaded.keys()]
    return [
        in_order(a, b, near)
        for a, b, near in found_loaded
        if frozenset({a.id, b.id}) not in known and a.parent_id != b.id and b.parent_id != a.id
    ]


def in_order(a: Compared, b: Compared, near: float | None) -> Neighbors:
    older_first = (a.created_at, a.id) <= (b.created_at, b.id)
    return Neighbors(a, b, near) if older_first else Neighbors(b, a, near)


def by_vector(ids: Sequence[UUID], tenant: str, model: str) -> Found:
    values = {"ids": list(ids), "tenant": tenant, "model": model, "block": LARGEST_BLOCK, "nearest": NEAREST}
    found = rows(BY_VECTOR, values | {"least": LEAST_SIMILARITY})
    return {ordered(a, b): float(near) for a, b, near in found}


def without_vector(ids: Sequence[UUID], model: str | None) -> list[UUID]:
    """Those that have no vector (yet): they are compared by their words."""
    if not model:
        return list(ids)
    has = rows("SELECT row_id FROM memory_context_vectors WHERE row_id = ANY (%s) AND model = %s", [list(ids), model])
    return sorted(set(ids) - {row_id for (row_id,) in has})


def by_words(ids: Sequence[UUID], tenant: str) -> Iterator[tuple[UUID, UUID]]:
    """The nearest by common stems."""
    if not ids:
        return
    values = {"ids": list(ids), "tenant": tenant, "block": LARGEST_BLOCK_OF_WORDS}
    blocks: dict[UUID, list[UUID]] = {}
    for entry_id, other in rows(BY_BLOCK, values):
        blocks.setdefault(entry_id, []).append(other)
    texts = {
        entry.id: read(entry.content)
        for entry in load({*blocks, *(o for found in blocks.values() for o in found)}).values()
    }
    for entry_id, others in blocks.items():
        for other in nearest_by_words(entry_id, others, texts):
            yield ordered(entry_id, other)


def nearest_by_words(entry_id: UUID, others: Sequence[UUID], texts: Mapping[UUID, Statement]) -> list[UUID]:
    near = {other: overlap(texts[entry_id], texts[other]) for other in others if other in texts}
    best = sorted((other for other in near if near[other] > 0), key=lambda other: (-near[other], other))
    return best[:NEAREST]


def load(ids: set[UUID]) -> dict[UUID, Compared]:
    found = rows(ROWS, [list(ids)]) if ids else []
    return {row[0]: Compared(row[0], row[1], json.loads(row[2]), *row[3:]) for row in found}


def linked(ids: list[UUID]) -> set[frozenset[UUID]]:
    found = rows(LINKED, {"ids": ids, "types": KNOWN_TYPES}) if ids else []
    return {frozenset(pair) for pair in found}


def ordered(a: UUID, b: UUID) -> tuple[UUID, UUID]:
    return (a, b) if a < b else (b, a)


def rows(statement: str, values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
