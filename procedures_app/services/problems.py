"""Which known problem an error is, how sure that is, and what solved it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from memoryhub.access.exceptions import Invalid, TooLarge
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.ranking import Candidate, candidates
from memoryhub.search.requests import LONGEST_QUERY, Filters
from memoryhub.search.services.search import query_vector
from procedures_app import matching, signatures
from procedures_app.matching.features import rarity
from procedures_app.models import CapturedError, Knowledge, Solution
from procedures_app.services import keeping
from procedures_app.services.rates import best_first
from procedures_app.services.standing import known_as
from procedures_app.signatures import ErrorText

SIGNATURE, LIKENESS = CapturedError.MatchedBy.SIGNATURE, CapturedError.MatchedBy.LIKENESS
#: So many are compared: the best by words, the best by meaning, and the ones met most often of the same type.
BY_WORDS, BY_MEANING, BY_TYPE = 20, 20, 20
#: What is less likely the same problem is not worth reading.
LEAST_CONFIDENCE = 0.2
LONGEST_TYPE = 200
WORDS_ASKED = 8
#: The text of a problem is about its error while it is at most so many times as long.
MOSTLY_ERROR = 2.5
MOST_MATCHES = 50
EVERY = Q()


@dataclass(frozen=True, slots=True)
class ProblemMatch:
    """``confidence``: the probability that it is the same problem, 0 to 1. ``matched_by``: ``signature`` or
    ``likeness``; ``why`` says it in words. ``solutions``: the active ones, the surest first."""

    knowledge: Knowledge
    confidence: float
    matched_by: str
    why: str
    solutions: list[Solution]


def match(message: str, *, principal: Principal, error_type: str = "", limit: int = 5) -> list[ProblemMatch]:
    """The known problems that this error may be, the likeliest first. Needs ``read``. Raises Invalid, TooLarge."""
    principal.require("read")
    if not 1 <= limit <= MOST_MATCHES:
        raise Invalid("limit", f"Ask for 1 to {MOST_MATCHES} problems, not {limit}.")
    return match_text(read(message, error_type), principal=principal, limit=limit)


def read(message: str, error_type: str) -> ErrorText:
    if not message.strip():
        raise Invalid("message", "The message is empty. Send what the error said.")
    if len(error_type) > LONGEST_TYPE:
        raise Invalid("error_type", f"At most {LONGEST_TYPE} characters.")
    if len(message) > (most := settings.CONFIG.limits.value_kb * 1024):
        raise TooLarge(f"The message has {len(message):,} characters; at most {most:,} are read. Send its end.")
    return signatures.read(message, error_type=error_type)


def match_text(text: ErrorText, *, principal: Principal, limit: int, among: Q = EVERY) -> list[ProblemMatch]:
    """A problem with the same signature that has a solution is the answer; else the like of it comes along, as far as
    more than one is asked for. ``among`` narrows what the caller may see."""
    keeping.tenant_of(principal)
    with behind_walls(principal):
        exact = known_as(text.signature, keeping.visible(principal).filter(among))
        found = matched([exact], text, {}, exact) if exact else []
    if found and (found[0].solutions or limit == 1):
        return found
    similar = alike(text, principal)
    with behind_walls(principal):
        known = to_compare(text, list(similar), keeping.visible(principal).filter(among))
        rows = [row for row in known if exact is None or row.pk != exact.pk]
        return [*found, *matched(rows, text, similar, None, limit - len(found))]


def matched(
    rows: Sequence[Knowledge],
    text: ErrorText,
    similar: dict[UUID, float | None],
    exact: Knowledge | None,
    limit: int = MOST_MATCHES,
) -> list[ProblemMatch]:
    """``exact`` is the same problem whatever its own text says: it took the place of the one that had the signature."""
    by_id = {str(row.pk): row for row in rows}
    known = [
        matching.Known(str(row.pk), text if exact else stored(row.error_type, row.template), cosine_of(row, similar))
        for row in rows
    ]
    likely = [one for one in matching.rank(text, known) if exact or one.confidence >= LEAST_CONFIDENCE][:limit]
    found = [by_id[one.id] for one in likely]
    solutions = solutions_of([row.pk for row in found])
    by = SIGNATURE if exact else LIKENESS
    return [
        ProblemMatch(row, one.confidence, by, one.why, solutions[row.pk])
        for row, one in zip(found, likely, strict=True)
    ]


@lru_cache(maxsize=16_384)  # known problems are compared again and again; one takes about a kilobyte
def stored(error_type: str, template: str) -> ErrorText:
    return signatures.stored(error_type=error_type, template=template)


def cosine_of(row: Knowledge, similar: dict[UUID, float | None]) -> float | None:
    """Of the two error texts: what says much beside its error has a vector of something else."""
    return similar.get(row.pk) if len(row.text) <= MOSTLY_ERROR * len(row.template) else None


def solutions_of(ids: Iterable[UUID]) -> dict[UUID, list[Solution]]:
    found: dict[UUID, list[Solution]] = defaultdict(list)
    for solution in Solution.objects.filter(knowledge_id__in=list(ids), status=Solution.Status.ACTIVE):
        found[solution.knowledge_id].append(solution)
    return defaultdict(list, {key: best_first(rows) for key, rows in found.items()})


# -- what is worth comparing --------------------------------------------------------------------------


def alike(text: ErrorText, principal: Principal) -> dict[UUID, float | None]:
    """Knowledge with the words or the meaning of the error, with its cosine where it has a vector."""
    said = f"{text.error_type} {text.template}".strip()[:LONGEST_QUERY]
    vector, space = query_vector(said, "hybrid")
    found = candidates(
        query=telling(text) or said,
        mode="keyword" if vector is None else "hybrid",
        vector=vector,
        model=space,
        kinds=["knowledge"],
        filters=Filters(),
        limit=max(BY_WORDS, BY_MEANING),
        depth=max(BY_WORDS, BY_MEANING),
        explain=False,
        principal=principal,
    ).candidates
    return {row.id: row.similarity for row in chosen(found)}


def telling(text: ErrorText) -> str:
    """Its type and its rarest words: those that every error has, such as "failed", would be looked up at length."""
    rarest = sorted(set(text.words), key=lambda word: (-rarity(word), word))[:WORDS_ASKED]
    return " ".join([text.error_type, *rarest]).strip()


def chosen(found: Sequence[Candidate]) -> list[Candidate]:
    by_words = sorted(found, key=lambda row: -(row.bm25 or 0))[:BY_WORDS]
    by_meaning = sorted(found, key=lambda row: -(row.similarity or 0))[:BY_MEANING]
    return list({row.id: row for row in [*by_words, *by_meaning]}.values())


def to_compare(text: ErrorText, similar: Sequence[UUID], rows: QuerySet[Knowledge]) -> list[Knowledge]:
    """The problems among these, and those of the same type that are met most."""
    active = rows.filter(status=Knowledge.Status.ACTIVE, problem_signature__isnull=False)
    found = {row.pk: row for row in active.filter(pk__in=similar)}
    if text.error_type:
        found |= {row.pk: row for row in of_type(active, text.error_type)}
    return list(found.values())


def of_type(rows: QuerySet[Knowledge], error_type: str) -> QuerySet[Knowledge]:
    return rows.filter(error_type=error_type).order_by("-occurrences", "pk")[:BY_TYPE]
