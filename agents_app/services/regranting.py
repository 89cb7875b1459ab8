"""Bringing the grants of stored memories in line with changed rules: queued here, worked off in slices.

Nobody waits for it. A slice locks the rows it looks at for some milliseconds, passes over what somebody is writing,
and takes that again at the end. Writers that read the older rules and are still at it would be missed, so it begins
when the last of them has ended.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Now

from agents_app.models import Regrant, SyncRun
from agents_app.services.profiles import tenant_of
from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.services import acts

logger = logging.getLogger(__name__)
MOST_ATTEMPTS = 8
LONGEST_ERROR = 2_000

# What was queued is committed, and so is the rule that it is about: whoever begins from here on reads it.
MARK = """
UPDATE memory_regrants SET starts_after = pg_snapshot_xmax(pg_current_snapshot())::text::bigint
WHERE starts_after IS NULL AND id IN (
  SELECT id FROM memory_regrants WHERE status = 'waiting' AND starts_after IS NULL FOR UPDATE SKIP LOCKED)
"""
CLAIM = """
UPDATE memory_regrants SET status = 'running', attempts = attempts + 1,
  started_at = coalesce(started_at, clock_timestamp())
WHERE id = (
  SELECT m.id FROM memory_regrants m
  WHERE m.status IN ('waiting', 'running') AND NOT (m.id = ANY (%(passed)s))
    AND m.tenant_id = coalesce(%(tenant)s, m.tenant_id) AND NOT EXISTS (
    SELECT FROM pg_snapshot_xip(pg_current_snapshot()) AS running
    WHERE running::text::bigint < m.starts_after AND running IS DISTINCT FROM pg_current_xact_id_if_assigned())
    AND m.starts_after IS NOT NULL
  ORDER BY m.created_at, m.id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, tenant_id, attempts
"""
COUNT = "SELECT count(*) FROM memory_context_registry WHERE tenant_id = %s AND agent_id IS NOT NULL"
WINDOW = """
SELECT agent_id, id,
  %(categories)s = '{}' OR agents_slug(agents_category(tenant_id, category)) = ANY (%(categories)s)
FROM memory_context_registry
WHERE tenant_id = %(tenant)s AND agent_id IS NOT NULL AND (agent_id, id) > (%(agent)s, %(after)s)
ORDER BY agent_id, id LIMIT %(limit)s
"""
LOCK = "SELECT id FROM memory_context_registry WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
STILL_THERE = "SELECT id FROM memory_context_registry WHERE id = ANY (%s)"
APPLY = "SELECT granted, revoked FROM agents_apply_rules(%s, %s::jsonb)"
START = UUID(int=0)


@verb
def queue(*, principal: Principal, categories: Iterable[str] = (), reason: str) -> Regrant:
    """Asks for the memories of these categories (none named: of all) to be looked at under the rules of now.

    What nobody has begun is widened rather than queued twice.
    """
    tenant_id, wanted = tenant_of(principal), set(categories)
    waiting: Regrant | None = (
        Regrant.objects.select_for_update(skip_locked=True)
        .filter(tenant_id=tenant_id, status=Regrant.Status.WAITING, attempts=0)
        .order_by("created_at")
        .first()
    )
    if waiting is None:
        made: Regrant = Regrant.objects.create(
            tenant_id=tenant_id, categories=sorted(wanted), reason=reason, started_by=principal.actor
        )
        return made
    everything = not waiting.categories or not wanted
    waiting.categories = [] if everything else sorted({*waiting.categories} | wanted)
    waiting.starts_after = None  # writers that began until now may not have read the rule of today
    waiting.save(update_fields=["categories", "starts_after"])
    return waiting


def work(*, principal: Principal, limit: int) -> Mapping[str, int]:
    """One slice: looks at up to ``limit`` memories of what is open. Gives how many, and the grants made and taken."""
    did = Counter({"looked_at": 0, "granted": 0, "revoked": 0})
    passed: list[UUID] = []
    while did["looked_at"] < limit:
        claimed = claim(principal, passed)
        if claimed is None:
            break
        regrant_id, inside = claimed
        found = attempt(regrant_id, limit - did["looked_at"], inside)
        did.update(found)
        if not found.get("looked_at"):
            passed.append(regrant_id)
    return did


def claim(principal: Principal, passed: list[UUID]) -> tuple[UUID, Principal] | None:
    """The oldest open one that may begin, its attempt counted and committed before the work."""
    with behind_walls(principal), connection.cursor() as cursor:
        cursor.execute(MARK)
    with behind_walls(principal), connection.cursor() as cursor:
        cursor.execute(CLAIM, {"passed": passed, "tenant": principal.tenant_id})
        row = cursor.fetchone()
    if row is None:
        return None
    regrant_id, tenant_id, attempts = row
    if attempts > MOST_ATTEMPTS:
        give_up(regrant_id, principal=principal.within(tenant_id))
        return claim(principal, passed)
    return regrant_id, principal.within(tenant_id)


def step(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """What a sync run of an agent does about sharing: a slice of what changed rules left to do in its tenant."""
    did = work(principal=principal.within(run.tenant_id), limit=limit)
    found = {"grants_made": did["granted"], "grants_revoked": did["revoked"]}
    return found | ({"more": 1} if did["looked_at"] >= limit else {})


@verb
def retry(regrant_id: UUID, *, principal: Principal) -> Regrant:
    """Goes on with one that was given up, where it stopped. Needs ``admin``; NotFound where none was given up."""
    principal.require("admin")
    failed = Regrant.objects.visible_to(principal).filter(pk=regrant_id, status=Regrant.Status.FAILED)
    if not failed.update(status=Regrant.Status.WAITING, attempts=0, starts_after=None, finished_at=None):
        raise NotFound("There is no such work that failed.")
    regrant: Regrant = Regrant.objects.get(pk=regrant_id)
    audit.record(
        "agents.regrant.retried",
        principal=principal,
        tenant_id=regrant.tenant_id,
        object_type="regrant",
        object_id=regrant_id,
    )
    return regrant


@verb
def give_up(regrant_id: UUID, *, principal: Principal) -> None:
    Regrant.objects.filter(pk=regrant_id).update(status=Regrant.Status.FAILED, finished_at=Now())


def attempt(regrant_id: UUID, limit: int, principal: Principal) -> dict[str, int]:
    try:
        return one_slice(regrant_id, limit, principal=principal)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("Re-granting %s of tenant %s failed.", regrant_id, principal.tenant_id)
        note_error(regrant_id, f"{type(error).__name__}: {error}", principal=principal)
        return {}


@verb
def note_error(regrant_id: UUID, error: str, *, principal: Principal) -> None:
    Regrant.objects.filter(pk=regrant_id).update(error=error[:LONGEST_ERROR].replace("\x00", "�"))


@verb
def one_slice(regrant_id: UUID, limit: int, *, principal: Principal) -> dict[str, int]:
    """The next rows of one re-granting, at its end those passed over; nothing where another process is at it."""
    regrant: Regrant | None = Regrant.objects.select_for_update(skip_locked=True).filter(pk=regrant_id).first()
    if regrant is None or regrant.status != Regrant.Status.RUNNING:
        return {}
    if regrant.total is None:
        [(regrant.total,)] = rows(COUNT, [regrant.tenant_id])
    window = next_window(regrant, limit)
    if window:
        concerned = [entry_id for _, entry_id, wanted in window if wanted]
        regrant.cursor_agent, regrant.cursor, _ = window[-1]
        regrant.done += len(window)
    else:
        concerned, regrant.skipped = regrant.skipped, []
    granted, revoked, missed = apply_rules(concerned, principal)
    regrant.skipped = [*regrant.skipped, *missed]
    conclude(regrant, granted, revoked, finished=not window and not regrant.skipped)
    return {"looked_at": len(window) or len(concerned) - len(missed), "granted": granted, "revoked": revoked}


def next_window(regrant: Regrant, limit: int) -> list[tuple[str, UUID, bool]]:
    asked = {
        "tenant": regrant.tenant_id,
        "categories": regrant.categories,
        "agent": regrant.cursor_agent,
        "after": regrant.cursor or START,
        "limit": limit,
    }
    return rows(WINDOW, asked)


def apply_rules(ids: list[UUID], principal: Principal) -> tuple[int, int, list[UUID]]:
    """Grants made and taken, and the entries that somebody is writing at this moment; not those erased meanwhile."""
    free = [entry_id for (entry_id,) in rows(LOCK, [ids])] if ids else []
    granted, revoked = rows(APPLY, [free, json.dumps(acts.act(principal, did="regranted"))])[0] if free else (0, 0)
    taken = set(free)
    missed = [entry_id for entry_id in ids if entry_id not in taken]
    there = {entry_id for (entry_id,) in rows(STILL_THERE, [missed])} if missed else set()
    return granted, revoked, [entry_id for entry_id in missed if entry_id in there]


def conclude(regrant: Regrant, granted: int, revoked: int, *, finished: bool) -> None:
    regrant.granted += granted
    regrant.revoked += revoked
    regrant.attempts, regrant.error = 0, ""
    if finished:
        regrant.status, regrant.finished_at = Regrant.Status.DONE, Now()
        regrant.total = regrant.done
    changed = "total cursor_agent cursor skipped done granted revoked attempts error status finished_at"
    regrant.save(update_fields=changed.split())


def rows(statement: str, params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
