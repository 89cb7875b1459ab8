"""What the two vectors of a message are made from: what it states, and all of it with the words before it.

A message alone often does not say what it is about ("Yes, on Friday!"); with the words before it, it does.
And what it asks tells little of who speaks ("I start on Monday. How was your trip?").
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

#: Of a message before, this many characters for each word wanted: no text of real words is cut by it.
CHARACTERS_A_WORD = 50

# Each stretch of messages with the ones before it, as many as hold the words even if each is of one word.
PRECEDING = """
SELECT s.n, p.sequence, right(p.content, %(characters)s)
FROM unnest(%(numbers)s::integer[], %(tenants)s::text[], %(sessions)s::text[], %(firsts)s::integer[],
            %(lasts)s::integer[]) s(n, tenant_id, session_id, first, last)
CROSS JOIN LATERAL (
  (SELECT i.sequence, i.content FROM memory_search_index i
   WHERE i.tenant_id = s.tenant_id AND i.session_id = s.session_id AND i.kind = 'message' AND i.sequence < s.first
   ORDER BY i.sequence DESC LIMIT %(words)s)
  UNION ALL
  SELECT i.sequence, i.content FROM memory_search_index i
  WHERE i.tenant_id = s.tenant_id AND i.session_id = s.session_id AND i.kind = 'message'
    AND i.sequence BETWEEN s.first AND s.last
) p ORDER BY s.n, p.sequence
"""


SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+")


class Said(Protocol):
    """A row of the index; ``session_id`` and ``sequence`` are None for what is no message."""

    @property
    def row_id(self) -> UUID: ...
    @property
    def tenant_id(self) -> str | None: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def sequence(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages of one session, near enough to each other to be read in one go."""

    tenant_id: str
    session_id: str
    ids: dict[int, UUID]


def words_before(rows: Sequence[Said], words: int) -> dict[UUID, str]:
    """The last ``words`` words said before each message of ``rows``, oldest first, by row id.

    Left out are rows that are no messages and messages with nothing before them. One query, however many rows.
    """
    stretches = list(stretches_of(rows, words)) if words else []
    if not stretches:
        return {}
    spoken: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for number, sequence, content in read(stretches, words):
        spoken[number].append((sequence, content))
    return {
        row_id: context
        for number, stretch in enumerate(stretches)
        for row_id, context in contexts_of(stretch, spoken[number], words)
    }


def stretches_of(rows: Sequence[Said], words: int) -> Iterator[Stretch]:
    sessions: dict[tuple[str, str], dict[int, UUID]] = defaultdict(dict)
    for row in rows:
        if row.tenant_id is not None and row.session_id is not None and row.sequence is not None:
            sessions[row.tenant_id, row.session_id][row.sequence] = row.row_id
    for (tenant, session), messages in sessions.items():
        near: dict[int, UUID] = {}
        for sequence in sorted(messages):
            if near and sequence - max(near) > words:
                yield Stretch(tenant, session, near)
                near = {}
            near[sequence] = messages[sequence]
        yield Stretch(tenant, session, near)


def read(stretches: Sequence[Stretch], words: int) -> list[tuple[int, int, str]]:
    values: dict[str, Any] = {
        "numbers": list(range(len(stretches))),
        "tenants": [stretch.tenant_id for stretch in stretches],
        "sessions": [stretch.session_id for stretch in stretches],
        "firsts": [min(stretch.ids) for stretch in stretches],
        "lasts": [max(stretch.ids) for stretch in stretches],
        "words": words,
        "characters": words * CHARACTERS_A_WORD,
    }
    with connection.cursor() as cursor:
        cursor.execute(PRECEDING, values)
        return list(cursor.fetchall())


def contexts_of(stretch: Stretch, spoken: Sequence[tuple[int, str]], words: int) -> Iterator[tuple[UUID, str]]:
    last: deque[str] = deque(maxlen=words)
    for sequence, content in spoken:
        if last and sequence in stretch.ids:
            yield stretch.ids[sequence], " ".join(last)
        last.extend(content.split())


def statements(text: str) -> str:
    """The sentences that do not ask; the whole text when all do."""
    kept = [sentence for sentence in SENTENCE_ENDS.split(text) if not sentence.rstrip().endswith("?")]
    return " ".join(kept) or text
