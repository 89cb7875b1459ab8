"""The job that finds duplicates and contradictions among stored memories, and hands them to the conflicts.

Incremental: a mark per tenant says up to which change everything was compared. A pair that is open, or was decided
about at the versions that it still has, is not reported again. Nothing is changed here; only where the setting
``agents.remove_duplicates_from`` says so, a sure duplicate is removed (undoably).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
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
#: Entries that a slice of a forced sync run compares, and for about how long: the run's transaction lasts as long.
MOST_IN_A_RUN, STEP_SECONDS = 50, 0.5
#: Of one tenant before the next has its turn, and of one slice of the job. The queue kills a task after 60 s.
COMPARE_SECONDS, JOB_SECONDS = 8.0, 15.0
#: Comes after every entry of its moment.
LAST_ID = UUID(int=2**128 - 1)
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
    deadline = time.monotonic() + JOB_SECONDS
    for tenant_id in due(principal):
        if did["compared"] >= limit or time.monotonic() > deadline:
            break
        did.update(compare(principal=principal.within(tenant_id), limit=limit - did["compared"]))
    del did["more"]  # the next slice looks at what is due
    return did


def due(principal: Principal) -> list[str]:
    with behind_walls(principal), connection.cursor() as cursor:
        cursor.execute(DUE, [settled()])
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def settled() -> datetime:
    """Changes up to here are committed, and the relay has had time to embed them."""
    return timezone.now() - timedelta(seconds=settings.CONFIG.agents.disagreement_delay_seconds)


def step(run: SyncRun, *, principal: Principal, limit: int) -> Counts:
    """Part of a forced sync run: everything of the run's agent once more. Of other runs nothing: what changed is the
    job's, every minute, so that no run waits for it.
    """
    if not run.forced or not settings.CONFIG.agents.find_disagreements:
        return {}
    inside, name = principal.within(run.tenant_id), f"run:{run.pk}"
    found = compare(
        principal=inside,
        limit=min(limit, MOST_IN_A_RUN),
        seconds=STEP_SECONDS,
        name=name,
        agent=run.agent_id,
        until=run.created_at,
    )
    if not found["more"]:
        forget_mark(principal=inside, name=name)
    counts = {"duplicates_found": found["duplicates"], "contradictions_found": found["contradictions"]}
    return counts | {"duplicates_removed": found["removed"]} | ({"more": 1} if found["more"] else {})


def compare(
    *,
    principal: Principal,
    limit: int,
    seconds: float = COMPARE_SECONDS,
    name: str = "",
    agent: str | None = None,
    until: datetime | None = None,
) -> Counter[str]:
    """Compares up to ``limit`` (at least 1) of the next changed entries of the principal's tenant and moves the mark.

    Goes on for about so many ``seconds``, but does at least one entry. ``more``: 1 where some may be left.

    A finding is written in a transaction of its own, after looking again at whether both entries still have the
    versions that were compared.
    """
    deadline = time.monotonic() + seconds
    did: Counter[str] = Counter({"compared": 0, "duplicates": 0, "contradictions": 0, "removed": 0})
    space, upto = active_space(), until or settled()
    with behind_walls(principal):
        tenant = tenant_of(principal)
        mark = mark_of(tenant, name)
        changed = neighbors.changed(tenant, (mark.at, mark.entry_id), upto, limit, agent)
        ids = [entry_id for entry_id, _ in changed]
        pairs = undecided(neighbors.pairs(ids, tenant, space and space.name)) if ids else []
    likeness = likeness_of(space)
    for of_entry in by_entry(ids, pairs):
        if did["compared"] and time.monotonic() > deadline:
            break
        did.update(kind for pair in of_entry if (kind := judged(pair, likeness, principal)))
        did["compared"] += 1
    did["more"] = int(did["compared"] < len(ids) or len(ids) >= limit)
    # Archived, deleted and encrypted entries changed too, and are never compared: the mark passes them in the end.
    to = changed[did["compared"] - 1] if did["more"] else (LAST_ID, upto)
    move_mark(mark, to, did, principal=principal)
    return did


def by_entry(ids: Sequence[UUID], pairs: Sequence[Neighbors]) -> list[list[Neighbors]]:
    """The pairs of each entry, without those of the entries before it."""
    place = {entry_id: index for index, entry_id in enumerate(ids)}
    found: list[list[Neighbors]] = [[] for _ in ids]
    for pair in pairs:
        found[min(place[entry.id] for entry in (pair.a, pair.b) if entry.id in place)].append(pair)
    return found


def judged(pair: Neighbors, likeness: Likeness | None, principal: Principal) -> str:
    """What came of a pair. One that cannot be compared is passed over, so that it does not stop all others for good."""
    try:
        return handle(pair, verdict_of(pair, likeness), principal)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("Memories %s and %s could not be compared.", pair.a.id, pair.b.id)
        return ""


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
    """The older entry stays. What stands in the way (a lock, a hold, another reach, somebody who would read more than
    before) makes it a finding instead.
    """
    reason = f"duplicate found, {verdict.duplicate:.0%} sure"
    try:
        duplicates.remove(
            pair.a.id,
            pair.b.id,
            principal=principal,
            reason=reason,
            keep_version=pair.a.version,
            drop_version=pair.b.version,
            same_readers=True,
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
