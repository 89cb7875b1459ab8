"""The vocabulary that misspelled words are looked up in: filled by the relay, so that storing does not wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.search.spelling import MOST_READ, words_of

#: So many rows of a reach hold a word before further ones need not: deleting a few then loses nothing, and the
#: vocabulary grows with the language rather than with the memories.
ENOUGH = 8
ROWS_AT_A_TIME = 256
BEFORE_ALL = UUID(int=0)

COLUMNS = f"i.id, i.version, left(i.content, {MOST_READ})"
UNREAD = """NOT EXISTS (
  SELECT FROM memory_search_vocabulary_read v WHERE v.row_id = i.id AND v.version >= i.version)"""
UNREAD_ENTRIES = f"SELECT {COLUMNS} FROM memory_search_index i WHERE i.id = ANY (%(ids)s) AND {UNREAD} ORDER BY i.id"
UNREAD_MESSAGES = f"""
SELECT {COLUMNS} FROM memory_search_index i
WHERE i.tenant_id = %(tenant)s AND i.session_id = %(session)s AND i.kind = 'message' AND i.sequence <= %(last)s
  AND {UNREAD}
ORDER BY i.sequence LIMIT %(limit)s
"""
UNREAD_ROWS = f"""
SELECT {COLUMNS} FROM memory_search_index i
WHERE i.id > %(after)s AND i.tenant_id IS NOT DISTINCT FROM %(tenant)s AND {UNREAD}
ORDER BY i.id LIMIT %(limit)s
"""
# A row that changed meanwhile is read another time. A row that expires is no reason to leave a word out of one that
# stays. Stop words are in no index, so there is nothing to look for. The row is locked against removal only.
LEARN = """
WITH current AS MATERIALIZED (
  SELECT i.id, i.version, i.tenant_id, search_seed(i.tenant_id, i.reach) AS seed, i.expires_at IS NULL AS lasting,
    search_config(i.tenant_id) AS config
  FROM unnest(%(ids)s::uuid[], %(versions)s::integer[]) s(id, version)
  JOIN memory_search_index i ON i.id = s.id AND i.version = s.version
  ORDER BY i.id FOR KEY SHARE OF i
), said AS MATERIALIZED (
  SELECT c.*, s.word, hashtextextended(s.word, c.seed) AS hash,
    row_number() OVER (PARTITION BY c.seed, s.word, c.lasting ORDER BY c.id) AS nth
  FROM unnest(%(said_by)s::uuid[], %(words)s::text[]) s(row_id, word) JOIN current c ON c.id = s.row_id
  WHERE length(to_tsvector(c.config, s.word)) > 0
), learned AS (
  INSERT INTO memory_search_vocabulary (row_id, word, tenant_id, hash, lasting, keys)
  SELECT s.id, s.word, s.tenant_id, s.hash, s.lasting,
    search_hashes(search_trigrams(s.word) || search_rests(s.word), s.seed)
  FROM said s CROSS JOIN LATERAL (
    SELECT count(*) AS held FROM (
      SELECT FROM memory_search_vocabulary v
      WHERE v.hash = s.hash AND (v.lasting OR NOT s.lasting) LIMIT %(enough)s) v) h
  WHERE h.held + s.nth <= %(enough)s
  ON CONFLICT (row_id, word) DO NOTHING
)
INSERT INTO memory_search_vocabulary_read (row_id, tenant_id, version)
SELECT id, tenant_id, version FROM current
ON CONFLICT (row_id) DO UPDATE SET version = EXCLUDED.version
"""
# What an older version said: learned at the moment when the row changed, so that its change could not take it along.
FORGET = "DELETE FROM memory_search_vocabulary WHERE row_id = ANY (%(ids)s)"


@dataclass(frozen=True, slots=True)
class Text:
    """What to read of one version of an index row."""

    row_id: UUID
    version: int
    content: str


@verb
def learn_entries(*, principal: Principal, ids: Sequence[UUID]) -> None:
    """Reads the words of these rows, as far as they were not read in their current version."""
    for start in range(0, len(ids), ROWS_AT_A_TIME):
        learn(unread(UNREAD_ENTRIES, ids=list(ids[start : start + ROWS_AT_A_TIME])))


@verb
def learn_session(*, principal: Principal, session: str, last: int) -> bool:
    """Reads the next messages of the session up to number ``last``; whether there may be more."""
    values = {"tenant": principal.tenant_id, "session": session, "last": last, "limit": ROWS_AT_A_TIME}
    rows = unread(UNREAD_MESSAGES, **values)
    learn(rows)
    return len(rows) == ROWS_AT_A_TIME


@verb
def learn_lacking(*, principal: Principal, after: UUID = BEFORE_ALL) -> UUID | None:
    """Reads the next rows of the principal's tenant (None: global rows) whose words are not known yet.

    Gives the id to go on after; None when that was the end.
    """
    rows = unread(UNREAD_ROWS, after=after, tenant=principal.tenant_id, limit=ROWS_AT_A_TIME)
    learn(rows)
    return rows[-1].row_id if rows else None


def unread(statement: str, **values: Any) -> list[Text]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Text(*row) for row in cursor.fetchall()]


def learn(rows: Sequence[Text]) -> None:
    if not rows:
        return
    said = [(row.row_id, word) for row in rows for word in words_of(row.content)]
    values: dict[str, Any] = {
        "ids": [row.row_id for row in rows],
        "versions": [row.version for row in rows],
        "said_by": [row_id for row_id, _ in said],
        "words": [word for _, word in said],
        "enough": ENOUGH,
    }
    with connection.cursor() as cursor:
        cursor.execute(FORGET, values)
        cursor.execute(LEARN, values)
