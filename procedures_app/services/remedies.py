"""Procedures to follow and solutions to try for a task, each with how sure it is that they help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app.aptness import aptness
from procedures_app.confidence import PROCEDURE, SOLUTION, Source, confidence
from procedures_app.matching import task_likeness
from procedures_app.models import Knowledge, Procedure, ProcedureVersion, Run, Solution
from procedures_app.services import problems
from procedures_app.services.enforcement import GENERAL
from procedures_app.services.rates import VERIFIED_COUNTS
from procedures_app.services.similar import Looked, agent_reach

#: Procedures for the very kind of work are looked at even where words and meaning found others.
MOST_OF_KIND = 20
#: Knowledge less like the task is not shown.
LIKE_PROBLEM = 0.5
#: So much of the error in a context is read, in characters.
LONGEST_ERROR = 65_536
#: Where a context says what went wrong.
ERROR_FIELDS = ("error", "error_message", "exception", "traceback", "stack_trace")
#: After so many successes half of a signature's doubt is left.
DOUBTING = 2
FAILED = (Run.Status.FAILED, Run.Status.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Advised:
    """One thing to follow. ``document`` is as in guidance: type, name, title, why, and what its type has."""

    confidence: float
    document: dict[str, Any]


# -- procedures -------------------------------------------------------------------------------------------


def procedures(looked: Sequence[Looked], kind: str, *, principal: Principal) -> list[Advised]:
    """Published procedures that are for such a task, the surest first."""
    ids = {hit.id for one in looked for hit in one.of_kind("procedure")}
    with behind_walls(principal):
        rows = Procedure.objects.visible_to(principal).filter(status=Procedure.Status.ACTIVE, current__isnull=False)
        found = list(rows.filter(pk__in=ids).select_related("current")) if ids else []
        if kind != GENERAL:
            others = rows.filter(current__kind=kind).exclude(pk__in=ids).select_related("current")
            found += others.order_by("name")[:MOST_OF_KIND]
        outcomes = outcomes_of(found) if found else {}
    advised = [procedure_advised(row, looked, kind, *outcomes[row.pk]) for row in found]
    return sorted(advised, key=lambda one: (-one.confidence, one.document["name"]))


def outcomes_of(found: Iterable[Procedure]) -> dict[UUID, tuple[int, int]]:
    """Of each procedure how many runs were completed, and how many failed or were rolled back."""
    counted = (
        Run.objects.filter(procedure__in=found, parent=None)
        .values("procedure_id")
        .annotate(good=Count("pk", filter=Q(status=Run.Status.COMPLETED)), bad=Count("pk", filter=Q(status__in=FAILED)))
    )
    outcomes: dict[UUID, tuple[int, int]] = defaultdict(lambda: (0, 0))
    return outcomes | {row["procedure_id"]: (row["good"], row["bad"]) for row in counted}


def procedure_advised(row: Procedure, looked: Sequence[Looked], kind: str, good: int, bad: int) -> Advised:
    version = cast("ProcedureVersion", row.current)
    known = f"{version.title}. {version.summary} {' '.join(version.tags)}"
    of_task, meant_for = (None if name == GENERAL else name for name in (kind, version.kind))
    likeness = max(
        aptness(one.asked, known, one.cosine_of(row.pk), kind=of_task, meant_for=meant_for) for one in looked
    )
    apt = "It is for this kind of work" if of_task and of_task == meant_for else "It speaks of such a task"
    why = f"{apt}; {history(good, bad)}"
    document = procedure_document(row) | {"why": why, "required": False, "likeness": round(likeness, 4)}
    return Advised(confidence(PROCEDURE, likeness=likeness, successes=good, failures=bad), document)


def history(good: int, bad: int) -> str:
    if not good + bad:
        return "no run of it has ended yet."
    return f"{good} of {good + bad} runs were completed."


def procedure_document(row: Procedure) -> dict[str, Any]:
    version = cast("ProcedureVersion", row.current)
    return {
        "type": "procedure",
        "name": row.name,
        "title": version.title,
        "summary": version.summary,
        "kind": version.kind,
        "version": version.number,
    }


def published(name: str, *, principal: Principal) -> dict[str, Any]:
    """The document of a procedure that a rule names; its name alone, should it have been retired since."""
    with behind_walls(principal):
        rows = Procedure.objects.visible_to(principal).filter(name=name, current__isnull=False)
        row = rows.select_related("current").first()
        return procedure_document(row) if row else {"type": "procedure", "name": name, "title": name}


# -- solutions --------------------------------------------------------------------------------------------


def solutions(looked: Sequence[Looked], context: Any, *, principal: Principal) -> list[Advised]:
    """What is known to help: with the error that the context names, then with what is like the task."""
    reach = agent_reach(principal)
    known = [*of_error(context, principal=reach), *of_likeness(looked, principal=reach)]
    best: dict[UUID, tuple[float, Advised]] = {}
    for solution, likeness, advised in known:
        if solution.pk not in best or best[solution.pk][0] < likeness:
            best[solution.pk] = (likeness, advised)
    return sorted((advised for _, advised in best.values()), key=lambda one: -one.confidence)


Found = tuple[Solution, float, Advised]


def of_error(context: Any, *, principal: Principal) -> list[Found]:
    message = error_in(context).strip()
    if not message:
        return []
    # the end of a long one says what went wrong
    matches = problems.match(message[-LONGEST_ERROR:], principal=principal)
    return [of_match(match, solution) for match in matches for solution in match.solutions[:1]]


def of_match(match: problems.ProblemMatch, solution: Solution) -> Found:
    because = f"the error is a known one ({match.why})"
    return solution_found(solution, match.knowledge, tried_likeness(match, solution), because)


def tried_likeness(match: problems.ProblemMatch, solution: Solution) -> float:
    """How sure it is that the error is one for this solution, 0 to 1.

    Whenever a solution helped, the signature had led to it and was right: each success leaves less of its doubt.
    """
    if match.matched_by != problems.SIGNATURE:
        return match.confidence
    return 1 - (1 - match.confidence) * DOUBTING / (DOUBTING + solution.successes)


def error_in(context: Any) -> str:
    """The error that a context tells of, as a text."""
    if not isinstance(context, dict):
        return ""
    told = next((context[name] for name in ERROR_FIELDS if context.get(name)), "")
    if isinstance(told, dict):
        told = told.get("message", "")
    return told if isinstance(told, str) else ""


def of_likeness(looked: Sequence[Looked], *, principal: Principal) -> list[Found]:
    ids = {hit.id for one in looked for hit in one.of_kind("knowledge")}
    if not ids:
        return []
    with behind_walls(principal):
        rows = Knowledge.objects.visible_to(principal).filter(pk__in=ids, status=Knowledge.Status.ACTIVE)
        tried = Solution.objects.filter(knowledge__in=rows, status=Solution.Status.ACTIVE).select_related("knowledge")
        found = [(solution, problem_likeness(solution.knowledge, looked)) for solution in tried]
    return [
        solution_found(solution, solution.knowledge, likeness, "what it solves is like the task")
        for solution, likeness in found
        if likeness >= LIKE_PROBLEM
    ]


def problem_likeness(knowledge: Knowledge, looked: Sequence[Looked]) -> float:
    text = f"{knowledge.title}. {knowledge.problem_description}"
    apt = [aptness(one.asked, text, one.cosine_of(knowledge.pk), kind=None, meant_for=None) for one in looked]
    return max(*apt, task_likeness(looked[0].asked, knowledge.title, None, same_kind=False))


def by_settings() -> Source:
    prior = settings.CONFIG.procedures
    return replace(SOLUTION, successes=prior.prior_successes, failures=prior.prior_failures)


def solution_found(solution: Solution, knowledge: Knowledge, likeness: float, because: str) -> Found:
    verified = bool(solution.verified_by)
    # a person's word counts like some successes
    good = solution.successes + VERIFIED_COUNTS * verified
    sure = confidence(by_settings(), likeness=likeness, successes=good, failures=solution.failures)
    tried = solution.successes + solution.failures
    told = f"it helped in {solution.successes} of {tried} tries." if tried else "nobody has said yet whether it helps."
    document = {
        "type": "procedure" if solution.procedure else "solution",
        "name": solution.procedure or knowledge.title,
        "title": knowledge.title,
        "why": f"{because[0].upper()}{because[1:]}; {told}",
        "text": solution.text,
        "solution": str(solution.pk),
        "knowledge": str(knowledge.pk),
        "success_rate": round(solution.success_rate, 4),
        "tried": tried,
        "verified": verified,
        "likeness": round(likeness, 4),
    }
    return solution, likeness, Advised(sure, document)
