"""Knowledge, work and procedures in the search index: written with them, and shown when they are found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, QuerySet

from memoryhub.access.principals import Principal
from memoryhub.access.trips import together
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from memoryhub.search.topics import INDEXED
from memoryhub.sync.services.outbox import Change, announcements
from procedures_app.models import Knowledge, Procedure, WorkRecord

KINDS = (IndexRow.Kind.KNOWLEDGE.value, IndexRow.Kind.WORK.value, IndexRow.Kind.PROCEDURE.value)
#: Longer texts are found by their beginning; the index reads no further either.
MOST_CHARACTERS = 200_000

# A row that was put in a later version by somebody faster stays as that left it.
PUT = """
INSERT INTO memory_search_index AS i
  (id, kind, tenant_id, scope, user_id, session_id, agent_id, category, memory_type, tags, importance, event_at,
   created_at, archived, version, content)
SELECT id, kind, tenant_id, CASE WHEN user_id IS NULL THEN 'tenant' ELSE 'user' END, user_id, session_id, agent_id,
  category, memory_type, tags, importance, event_at, event_at, archived, version, content
FROM jsonb_to_recordset(%s::jsonb) AS x(
  id uuid, kind text, tenant_id text, user_id text, session_id text, agent_id text, category text, memory_type text,
  tags text[], importance float8, event_at timestamptz, archived boolean, version integer, content text)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET
  scope = EXCLUDED.scope, user_id = EXCLUDED.user_id, session_id = EXCLUDED.session_id, agent_id = EXCLUDED.agent_id,
  category = EXCLUDED.category, memory_type = EXCLUDED.memory_type, tags = EXCLUDED.tags,
  importance = EXCLUDED.importance, event_at = EXCLUDED.event_at, archived = EXCLUDED.archived,
  version = EXCLUDED.version, content = EXCLUDED.content
WHERE i.version <= EXCLUDED.version
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """What is found of one thing, and who may find it: the tenant, or callers that name the user or the session.

    ``kind`` is one of KINDS. ``category`` is the kind of operation of work and procedures. ``content`` is what is
    searched. ``version`` grows with every change; ``event_at`` is timezone-aware. ``archived`` is found only when
    that is asked for.
    """

    id: UUID
    kind: str
    tenant_id: str
    content: str
    version: int
    event_at: datetime
    user_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    category: str | None = None
    memory_type: str | None = None
    tags: Sequence[str] = ()
    importance: float | None = None
    archived: bool = False


def put(rows: Sequence[Indexed], *, principal: Principal) -> None:
    """Writes the index rows of one tenant in the caller's transaction, and has their vectors made."""
    if not rows:
        return
    announced = [Change(f"{INDEXED}.put", row.id, f"{row.kind}:{row.id}", row.version, row.kind) for row in rows]
    written = (PUT, [json.dumps([columns(row) for row in rows], cls=DjangoJSONEncoder)])
    together([written, *announcements(announced, principal=principal.within(rows[0].tenant_id))])


def columns(row: Indexed) -> dict[str, Any]:
    return asdict(row) | {"content": row.content[:MOST_CHARACTERS], "tags": list(row.tags)}


def remove(ids: Sequence[UUID], *, principal: Principal) -> int:
    """Takes them out of the index in the caller's transaction, with their words and vectors; how many there were."""
    removed, _ = IndexRow.objects.filter(pk__in=ids, kind__in=KINDS).delete()
    return removed


# -- how results are shown: loaders ---------------------------------------------------------------------


def knowledge(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones; ``value`` is their content."""
    fields = [
        "title", "knowledge_type", "tags", "importance", "problem_signature", "error_type", "solution", "success_rate",
        "usage_count", "occurrences", "status", "verified_by", "author", "user_id", "session_id", "version",
        "created_at", "updated_at",
    ]  # fmt: skip
    return shown(Knowledge.objects.visible_to(principal), ids, fields, principal, value=F("content"))


def work(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones; ``value`` is what came out, ``category`` the kind of operation."""
    fields = [
        "action", "task_id", "success", "error_message", "duration_ms", "agent_id", "user_id", "session_id",
        "created_at",
    ]  # fmt: skip
    named = {"value": F("output"), "category": F("kind"), "at": F("created_at")}
    return shown(WorkRecord.objects.visible_to(principal), ids, fields, principal, **named)


def procedures(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """Published ones, as their current version says; ``category`` is the kind of operation."""
    now = {
        "title": F("current__title"),
        "summary": F("current__summary"),
        "version": F("current__number"),
        "category": F("current__kind"),
        "tags": F("current__tags"),
    }
    rows = Procedure.objects.visible_to(principal).filter(current__isnull=False)
    return shown(rows, ids, ["name", "status", "updated_at"], principal, **now)


def shown(
    rows: QuerySet[Any], ids: Sequence[UUID], fields: Sequence[str], principal: Principal, **named: F
) -> dict[UUID, dict[str, Any]]:
    with behind_walls(principal):
        found = list(rows.filter(pk__in=ids).values("pk", *fields, **named))
    return {row.pop("pk"): row for row in found}
