"""Upkeep of the index: vectors for rows that lack them, words made anew, rows removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.search.contexts import statements, words_before
from memoryhub.search.models import IndexRow
from memoryhub.search.ranking import written
from memoryhub.search.services.spaces import GRACE_SECONDS, Space

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

#: No embedder reads further; longer texts need not travel.
MOST_CHARACTERS = 16_384
#: Rows whose texts are held in memory at a time.
ROWS_AT_A_TIME = 256

COLUMNS = f"""i.id, i.version, left(i.content, {MOST_CHARACTERS}), i.tenant_id,
  CASE WHEN i.kind = 'message' THEN i.session_id END, CASE WHEN i.kind = 'message' THEN i.sequence END, s.name"""
LACKS_VECTOR = """NOT EXISTS (
  SELECT FROM memory_context_vectors v WHERE v.row_id = i.id AND v.model = s.name AND v.version >= i.version)"""
# Rows and spaces in one snapshot: who sees a row also sees every space that was begun before it. The active space
# comes last of a row's, so that no search finds less in a space that is complete than in the one before it.
WRITTEN = f"""memory_search_spaces s
  ON (s.state IN ('active', 'building', 'ready')
      OR (s.state = 'retired' AND s.ended_at > clock_timestamp() - interval '{GRACE_SECONDS} seconds'))
    AND s.name <> ALL (%(without)s::text[])"""
LACKING_OF_ENTRY = f"""
SELECT {COLUMNS} FROM memory_search_index i JOIN {WRITTEN}
WHERE i.id = %(object_id)s AND {LACKS_VECTOR} ORDER BY s.state = 'active'
"""
LACKING_OF_SESSION = f"""
SELECT {COLUMNS} FROM memory_search_index i JOIN {WRITTEN}
WHERE i.tenant_id = %(tenant)s AND i.session_id = %(session)s AND i.kind = 'message' AND i.sequence <= %(last)s
  AND {LACKS_VECTOR}
ORDER BY i.sequence, s.state = 'active' LIMIT %(limit)s
"""
LACKING_OF_TENANT = f"""
SELECT {COLUMNS} FROM memory_search_index i JOIN memory_search_spaces s ON s.name = %(space)s
WHERE i.id > %(after)s AND i.tenant_id IS NOT DISTINCT FROM %(tenant)s AND {LACKS_VECTOR}
ORDER BY i.id LIMIT %(limit)s
"""
LACKING_ANYWHERE = f"""
SELECT {COLUMNS} FROM memory_search_index i JOIN memory_search_spaces s ON s.name = %(space)s
WHERE i.id > %(after)s AND {LACKS_VECTOR}
ORDER BY i.id LIMIT %(limit)s
"""
# The row is locked against removal, so that no vector outlives it; a newer vector is never overwritten.
WRITE = """
INSERT INTO memory_context_vectors (row_id, model, tenant_id, reach, version, embedding)
SELECT i.id, %(model)s, i.tenant_id, i.reach, n.version, n.embedding
FROM unnest(%(ids)s::uuid[], %(versions)s::integer[], %(vectors)s::text[]::halfvec[]) n(id, version, embedding)
JOIN memory_search_index i ON i.id = n.id
FOR KEY SHARE OF i
ON CONFLICT (row_id, model) DO UPDATE SET version = EXCLUDED.version, embedding = EXCLUDED.embedding, made_at = now()
WHERE memory_context_vectors.version <= EXCLUDED.version
"""
TENANTS = "SELECT DISTINCT tenant_id FROM memory_search_index WHERE %(tenant)s::text IS NULL OR tenant_id = %(tenant)s"
NEXT_ROWS = "SELECT id FROM memory_search_index WHERE id > %(after)s AND tenant_id IS NOT DISTINCT FROM %(tenant)s "
NEXT_ROWS += "ORDER BY id LIMIT 1000"
MAKE_WORDS = "SELECT search_make_words(%(ids)s)"
BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Text:
    """What to embed of one version of an index row, for the space of that name.

    ``context``: the words said before it, where it is a message.
    """

    row_id: UUID
    version: int
    content: str
    tenant_id: str | None = None
    session_id: str | None = None
    sequence: int | None = None
    space: str = ""
    context: str = ""

    @property
    def alone(self) -> str:
        return self.content if self.sequence is None else statements(self.content)

    @property
    def in_context(self) -> str:
        return f"{self.context} {self.content}" if self.context else self.content


#: A row with its vector for a space, as the database reads it.
Made = tuple[Text, str]


def lacking_of_entry(object_id: UUID, without: Sequence[str] = ()) -> list[Text]:
    return texts(LACKING_OF_ENTRY, object_id=object_id, without=list(without))


def lacking_of_session(
    tenant: str | None, session: str, last: int, limit: int, without: Sequence[str] = ()
) -> list[Text]:
    """Messages of the session up to number ``last`` that lack a current vector, the oldest first, once for each
    space that is written and not among ``without``."""
    return texts(LACKING_OF_SESSION, tenant=tenant, session=session, last=last, limit=limit, without=list(without))


def lacking_anywhere(space: Space, after: UUID | None, limit: int) -> list[Text]:
    """Rows of all tenants that lack a current vector of the space, by id; as the system role."""
    return texts(LACKING_ANYWHERE, space=space.name, after=after or BEFORE_ALL, limit=limit)


def texts(statement: str, **values: Any) -> list[Text]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Text(*row) for row in cursor.fetchall()]


def embed(rows: Sequence[Text], space: Space, *, principal: Principal) -> None:
    """Embeds and writes, as many rows at a time as the embedder likes texts. Safe to repeat, and beside others."""
    for some in batches(rows, space.embedder.batch_size):
        write(made(some, space, principal=principal), principal=principal)


def batches(rows: Sequence[Text], size: int) -> Iterator[Sequence[Text]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def made(rows: Sequence[Text], space: Space, *, principal: Principal) -> list[Made]:
    """The rows with their vectors in the space.

    Outside of any transaction: a model at work must not hold rows that somebody wants to delete.
    """
    with behind_walls(principal):
        said = in_contexts([replace(row, space=space.name) for row in rows], space)
    return list(zip(said, map(written, vectors_of(said, space)), strict=True))


def in_contexts(rows: Sequence[Text], space: Space) -> list[Text]:
    """The rows with what was said before them. Read after the rows: what is erased in between also raises their
    version, so that a vector with its words counts as lacking."""
    before = words_before(rows, space.context_words)
    return [replace(row, context=before.get(row.row_id, "")) for row in rows]


def vectors_of(rows: Sequence[Text], space: Space) -> list[Vector]:
    """(u + c) / 2 of each row, u being the vector of what it states and c that of the whole text in its context.

    Not of length 1: its inner product with a query's vector is the mean of the two cosines.
    """
    wanted = list(dict.fromkeys(text for row in rows for text in (row.alone, row.in_context)))
    made = dict(zip(wanted, space.embedder.embed(wanted), strict=True))
    return [0.5 * (made[row.alone] + made[row.in_context]) for row in rows]


def write(found: Sequence[Made], *, principal: Principal) -> None:
    """Writes vectors, also of several spaces, in one transaction."""
    with behind_walls(principal), connection.cursor() as cursor:
        for name in dict.fromkeys(row.space for row, _ in found):
            own = [(row, vector) for row, vector in found if row.space == name]
            values: dict[str, Any] = {
                "ids": [row.row_id for row, _ in own],
                "versions": [row.version for row, _ in own],
                "vectors": [vector for _, vector in own],
                "model": name,
            }
            cursor.execute(WRITE, values)


# -- verbs --------------------------------------------------------------------------------------------


@verb
def remove(*, principal: Principal, ids: Sequence[UUID]) -> int:
    """Takes rows out of the index, with their vectors; how many there were."""
    removed, _ = IndexRow.objects.writable_by(principal).filter(pk__in=ids).delete()
    return removed


@verb
def make_words(*, principal: Principal, after: UUID = BEFORE_ALL) -> UUID | None:
    """Makes the words of the next thousand rows of the principal's tenant (None: global rows) anew.

    Gives the id to go on after; None when that was the end. For a changed text search configuration.
    """
    values: dict[str, Any] = {"after": after, "tenant": principal.tenant_id}
    with connection.cursor() as cursor:
        cursor.execute(NEXT_ROWS, values)
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(MAKE_WORDS, {"ids": ids})
    return ids[-1] if ids else None


def embed_lacking(*, principal: Principal, space: Space, after: UUID = BEFORE_ALL) -> UUID | None:
    """Embeds the next rows of the principal's tenant (None: global rows) that lack a current vector.

    Gives the id to go on after; None when that was the end. Raises ModelNotReady.
    """
    with behind_walls(principal):
        found = texts(
            LACKING_OF_TENANT, after=after, tenant=principal.tenant_id, space=space.name, limit=ROWS_AT_A_TIME
        )
    embed(found, space, principal=principal)
    return found[-1].row_id if found else None


def tenants_indexed(tenant: str | None = None) -> list[str | None]:
    """Tenants with rows in the index, None for global rows, as far as the connection's role sees them."""
    with connection.cursor() as cursor:
        cursor.execute(TENANTS, {"tenant": tenant})
        return sorted((row[0] for row in cursor.fetchall()), key=lambda name: name or "")


def all_steps(step: Callable[[UUID], UUID | None]) -> Iterator[UUID]:
    """Calls ``step`` until it gives None: each step its own transaction, so the work can be interrupted."""
    after: UUID | None = step(BEFORE_ALL)
    while after is not None:
        yield after
        after = step(after)
