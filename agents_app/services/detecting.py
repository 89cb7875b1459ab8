"""The job that finds duplicates and contradictions among stored memories, and hands them to the conflicts.

Incremental: a mark per tenant says up to which change everything was compared. A pair that is open, or was decided
about at the versions that it still has, is not reported again. Nothing is changed here; only where the setting
``agents.remove_duplicates_from`` says so, a sure duplicate is removed (undoably).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from agents_app.detection import Verdict, score
from agents_app.detection.aligning import Likeness
from agents_app.models import Conflict, DetectionMark, SyncRun
from agents_app.services import conflicts, duplicates, neighbors
from agents_app.services.neighbors import Neighbors
from agents_app.services.profiles import tenant_of
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.models import ContextEntry
from memoryhub.search.embeddings import Embedder, ModelNotReady
from memoryhub.search.services.spaces import Space, active_space

logger = logging.getLogger(__name__)
START = datetime(1970, 1, 1, tzinfo=UTC)
#: Longer texts agree and disagree in parts; only duplicates are looked for among them.
LONGEST_STATEMENT = 400
MOST_EVIDENCE = 8
#: Entries that a slice of a sync run compares: the run's transaction lasts as long.
MOST_IN_A_RUN = 50
#: Vectors of words and phrases that a process remembers.
REMEMBERED_PHRASES = 20_000
DUE = """
SELECT t.tenant_id FROM memory_tenants t LEFT JOIN memory_detection_marks m ON m.tenant_id = t.tenant_id AND m.name = ''
WHERE EXISTS (SELECT FROM memory_context_registry r WHERE r.tenant_id = t.tenant_id
  AND r.updated_at >= coalesce(m.at, 'epoch')
  AND (r.updated_at, r.id) > (coalesce(m.at, 'epoch'), coalesce(m.entry_id, '00000000-0000-0000-0000-000000000000'))
  AND r.updated_at <= %s)
ORDER BY m.moved_at NULLS FIRST, t.tenant_id
"""
Counts = Mapping[str, int]


def work(*, principal: Principal, limit: int) -> Counts:
    """One slice of the job: compares up to ``limit`` changed entries of whichever tenants have some."""
    did: Counter[str] = Counter({"compared": 0, "duplicates": 0, "contradictions": 0})
    if not settings.CONFIG.agents.find_disagreements:
        return did
    for tenant_id in due(principal):
        if did["compared"] >= limit:
            break
        did.update(compare(principal=principal.within(tenant_id), limit=limit - did["compared"]))
    return did


def due(principal: Principal) -> list[str]:
    with behind_walls(principal), connection.cursor() as cursor:
        cursor.execute(DUE, [settled()])
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def settled() -> datetime:
    """Changes up to here are committed, and the relay has had time to embed them."""
    return timezone.now() - timedelta(seconds=settings.CONFIG.agents.disagreement_delay_seconds)


def step(run: SyncRun, *, principal: Principal, limit: int) -> Counts:
    """Part of a sync run: some of what changed in the tenant, whose rest is the job's, so that no run waits for it; in
    a forced run everything of the run's agent once more.
    """
    if not settings.CONFIG.agents.find_disagreements:
        return {}
    inside = principal.within(run.tenant_id)
    limit = min(limit, MOST_IN_A_RUN)
    if not run.forced:
        found = compare(principal=inside, limit=limit)
    else:
        found = compare(principal=inside, limit=limit, name=f"run:{run.pk}", agent=run.agent_id, until=run.created_at)
    more = run.forced and found["compared"] >= limit
    if run.forced and not more:
        forget_mark(principal=inside, name=f"run:{run.pk}")
    counts = {"duplicates_found": found["duplicates"], "contradictions_found": found["contradictions"]}
    return counts | {"duplicates_removed": found["removed"]} | ({"more": 1} if more else {})


def compare(
    *, principal: Principal, limit: int, name: str = "", agent: str | None = None, until: datetime | None = None
) -> Counter[str]:
    """Compares the next ``limit`` changed entries of the principal's tenant and moves the mark.

    The scoring happens outside of any transaction; a finding is written in one of its own, after looking again at
    whether both entries still have the versions that were compared.
    """
    did: Counter[str] = Counter({"compared": 0, "duplicates": 0, "contradictions": 0, "removed": 0})
    space = active_space()
    with behind_walls(principal):
        tenant = tenant_of(principal)
        mark = mark_of(tenant, name)
        changed = neighbors.changed(tenant, (mark.at, mark.entry_id), until or settled(), limit, agent)
        ids = [entry_id for entry_id, _ in changed]
        pairs = undecided(neighbors.pairs(ids, tenant, space and space.name)) if ids else []
    likeness = likeness_of(space)
    for pair in pairs:
        kind = handle(pair, verdict_of(pair, likeness), principal)
        did[kind] += bool(kind)
    did["compared"] = len(ids)
    if changed:
        move_mark(mark, changed[-1], did, principal=principal)
    del did[""]
    return did


# -- the mark ------------------------------------------------------------------------------------------


def mark_of(tenant: str, name: str) -> DetectionMark:
    found: DetectionMark
    found, _ = DetectionMark.objects.get_or_create(
        tenant_id=tenant, name=name, defaults={"at": START, "entry_id": UUID(int=0)}
    )
    return found


@verb
def move_mark(mark: DetectionMark, to: tuple[UUID, datetime], did: Counter[str], *, principal: Principal) -> None:
    """Forward only: another process may have been further."""
    entry_id, at = to
    behind = Q(at__lt=at) | Q(at=at, entry_id__lt=entry_id)
    found = did["duplicates"] + did["contradictions"] + did["removed"]
    DetectionMark.objects.filter(behind, pk=mark.pk).update(
        at=at, entry_id=entry_id, compared=F("compared") + did["compared"], found=F("found") + found, moved_at=Now()
    )


@verb
def forget_mark(*, principal: Principal, name: str) -> None:
    DetectionMark.objects.filter(tenant_id=principal.tenant_id, name=name).delete()


# -- judging -------------------------------------------------------------------------------------------


def undecided(found: list[Neighbors]) -> list[Neighbors]:
    """Without the pairs that wait for a decision, or were decided about at the versions that they still have."""
    ids = {entry.id for pair in found for entry in (pair.a, pair.b)}
    known: dict[frozenset[UUID], list[Conflict]] = {}
    for conflict in Conflict.objects.filter(entry__in=ids, other__in=ids).only("entry", "other", "status", "evidence"):
        assert conflict.other_id is not None
        known.setdefault(frozenset({conflict.entry_id, conflict.other_id}), []).append(conflict)
    return [
        pair
        for pair in found
        if not any(settles(row, pair) for row in known.get(frozenset({pair.a.id, pair.b.id}), []))
    ]


def settles(conflict: Conflict, pair: Neighbors) -> bool:
    if conflict.status == Conflict.Status.OPEN:
        return True
    return bool(conflict.evidence.get("versions") == versions_of(pair))


def versions_of(pair: Neighbors) -> dict[str, int]:
    return {str(entry.id): entry.version for entry in (pair.a, pair.b)}


def verdict_of(pair: Neighbors, likeness: Likeness | None) -> Verdict:
    """By vectors where there are some and the model is at hand, else by words."""
    keys = (pair.a.key, pair.b.key)
    if likeness is not None and pair.similarity is not None:
        try:
            return score(pair.a.value, pair.b.value, similarity=pair.similarity, likeness=likeness, keys=keys)
        except ModelNotReady:
            logger.info("The embedding model is not ready; memories are compared by their words.")
    return score(pair.a.value, pair.b.value, keys=keys)


def likeness_of(space: Space | None) -> Likeness | None:
    """The cosine of two words or phrases by the space's model."""
    if space is None:
        return None
    if _phrases.get("model") != space.name:
        _phrases.update(model=space.name, likeness=phrases(space.embedder))
    found: Likeness = _phrases["likeness"]
    return found


#: Of the model that was used last: its name, and the likeness that remembers its vectors.
_phrases: dict[str, Any] = {}


def phrases(embedder: Embedder) -> Likeness:
    """Each word or phrase is embedded once while the process remembers it."""

    @lru_cache(maxsize=REMEMBERED_PHRASES)
    def vector(text: str) -> Any:
        return embedder.embed([text])[0]

    return lambda a, b: float(vector(a) @ vector(b))


def kind_of(pair: Neighbors, verdict: Verdict) -> str:
    """duplicate, contradiction, or nothing. What happened twice does not contradict itself, nor do long texts."""
    least = settings.CONFIG.agents.disagreement_confidence
    if verdict.duplicate >= max(least, verdict.contradiction):
        return Conflict.Kind.DUPLICATE
    entries = (pair.a, pair.b)
    tells = any(entry.memory_type == "episodic" or len(entry.content) > LONGEST_STATEMENT for entry in entries)
    return "" if tells or verdict.contradiction < least else Conflict.Kind.CONTRADICTION


# -- findings ------------------------------------------------------------------------------------------


def handle(pair: Neighbors, verdict: Verdict, principal: Principal) -> str:
    """What came of a pair: duplicates, contradictions, removed, or nothing."""
    kind = kind_of(pair, verdict)
    if not kind:
        return ""
    if kind == Conflict.Kind.DUPLICATE and verdict.duplicate >= automatic() and removed(pair, verdict, principal):
        return "removed"
    if not report(pair, Conflict.Kind(kind), verdict, principal=principal):
        return ""
    return "duplicates" if kind == Conflict.Kind.DUPLICATE else "contradictions"


def automatic() -> float:
    """From this probability on duplicates are removed without asking; at 1, none is."""
    wanted = settings.CONFIG.agents.remove_duplicates_from
    return wanted if wanted < 1 else float("inf")


def removed(pair: Neighbors, verdict: Verdict, principal: Principal) -> bool:
    """The older entry stays. What stands in the way (a lock, a hold, another reach) makes it a finding instead."""
    reason = f"duplicate found, {verdict.duplicate:.0%} sure"
    try:
        duplicates.remove(
            pair.a.id,
            pair.b.id,
            principal=principal,
            reason=reason,
            keep_version=pair.a.version,
            drop_version=pair.b.version,
        )
    except HubError:
        return False
    return True


@verb
def report(pair: Neighbors, kind: Conflict.Kind, verdict: Verdict, *, principal: Principal) -> bool:
    """Opens a conflict about the pair, unless one of them has changed meanwhile: then it is compared again anyway."""
    rows = ContextEntry.objects.present().filter(pk__in=(pair.a.id, pair.b.id)).select_for_update(of=("self",))
    now = {row.pk: row for row in rows.order_by("pk")}
    if {str(pk): row.sync_version for pk, row in now.items()} != versions_of(pair):
        return False
    confidence = verdict.duplicate if kind == Conflict.Kind.DUPLICATE else verdict.contradiction
    opened = conflicts.create_found(
        kind,
        now[pair.a.id],
        now[pair.b.id],
        confidence=confidence,
        evidence=evidence_of(pair, verdict),
        principal=principal,
    )
    return opened is not None


def evidence_of(pair: Neighbors, verdict: Verdict) -> dict[str, Any]:
    """``why``: sentences, the strongest first. ``versions``: what was compared, by entry."""
    return {
        "why": list(verdict.evidence[:MOST_EVIDENCE]),
        "duplicate": verdict.duplicate,
        "contradiction": verdict.contradiction,
        "similarity": None if pair.similarity is None else round(pair.similarity, 4),
        "versions": versions_of(pair),
    }
