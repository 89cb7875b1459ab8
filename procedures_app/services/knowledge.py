"""Knowledge: captured, changed, listed and searched. The same error captured again adds to the problem it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import MD5

from memoryhub.access.exceptions import Conflict, Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.search.requests import Filters
from memoryhub.search.services.search import SearchAnswer
from memoryhub.search.services.search import search as search_index
from procedures_app.models import Knowledge, KnowledgeVersion, Solution
from procedures_app.services import keeping, solutions
from procedures_app.services.drafting import (
    CHECKS,
    MOST_TAGS,
    checked_tags,
    drafted,
    error_of,
    is_bare,
    mark,
    put,
    solution_in,
)
from procedures_app.services.rates import best_first
from procedures_app.services.standing import known_as

#: So often a problem is looked up again that was merged or archived by somebody else in between.
MOST_TRIES = 20
#: Twins that are captured at the same moment find each other.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('memoryhub knowledge ' || %s, 0))"
CHANGEABLE = tuple(CHECKS)


@dataclass(frozen=True, slots=True)
class Captured:
    """``created``: it was not known before."""

    knowledge: Knowledge
    created: bool


@verb
def capture(
    *,
    principal: Principal,
    title: str,
    content: Any,
    knowledge_type: str = "reference",
    tags: Sequence[str] = (),
    importance: float = 0.5,
    solution: str | None = None,
    error: str | Mapping[str, Any] | None = None,
    private: bool = False,
) -> Captured:
    """Keeps something worth knowing. Needs ``write``.

    ``content`` is a text or an object. An ``error`` (text, or ``message`` and ``type``), an "error" in the content,
    or the type ``error_pattern`` makes it a problem: it is known by the signature of the error, and captured again
    adds to the known one. A "cause" in the content describes the problem, a "solution" in it, or ``solution``, is one
    of its solutions. ``private``: for callers that name the same user; else the whole tenant's.
    Raises Invalid, TooLarge.
    """
    principal.require("write")
    said = {
        "title": title, "content": content, "knowledge_type": knowledge_type, "tags": tags, "importance": importance,
    }  # fmt: skip
    new = drafted(said, principal=principal, private=private)
    text = solution or solution_in(content)
    if (read := error_of(new, error)) is None:
        return plain(new, text, principal)
    mark(new, read)
    return problem(new, text, principal)


# -- what is no problem -------------------------------------------------------------------------------


def plain(new: Knowledge, solution: str, principal: Principal) -> Captured:
    """Captured word for word once more it is the same."""
    with connection.cursor() as cursor:
        cursor.execute(ALONE, [json.dumps([new.tenant_id, new.user_id, new.knowledge_type, new.title])])
    known = twins(new).select_for_update(no_key=True).first()
    if known is not None:
        add_to(known, new, solution, principal)
        return Captured(known, created=False)
    keeping.complete(new).save(force_insert=True)
    return Captured(begun(new, solution, principal), created=True)


def twins(new: Knowledge) -> QuerySet[Knowledge]:
    """What says the same, word for word; the digest of the title is what the index knows."""
    rows: QuerySet[Knowledge] = Knowledge.objects.alias(digest=MD5("title")).filter(
        tenant_id=new.tenant_id,
        user_id=new.user_id,
        knowledge_type=new.knowledge_type,
        digest=MD5(Value(new.title)),
        title=new.title,
        content=new.content,
        status=Knowledge.Status.ACTIVE,
    )
    return rows


def begun(new: Knowledge, solution: str, principal: Principal, reason: str = "") -> Knowledge:
    """The first version of an inserted row, with its solution."""
    own = [solutions.made(new, solution, principal)] if solution else []
    return keeping.first_kept(new, own, principal=principal, reason=reason)


# -- problems -----------------------------------------------------------------------------------------


def problem(new: Knowledge, solution: str, principal: Principal, reason: str = "") -> Captured:
    """The problem with this signature: a new one, or the known one with what is new added. Counts an occurrence.

    Two callers at the same moment make one: the second waits for the first and finds its row.
    """
    rows = Knowledge.objects.filter(tenant_id=new.tenant_id, user_id=new.user_id)
    for _ in range(MOST_TRIES):
        known = known_as(new.problem_signature or "", rows)
        if known is None:
            Knowledge.objects.bulk_create([keeping.complete(new)], ignore_conflicts=True)
            known = known_as(new.problem_signature or "", rows)
        if known is not None and known.pk == new.pk:
            return Captured(begun(new, solution, principal, reason), created=True)
        locked = (
            known and rows.select_for_update(no_key=True).filter(pk=known.pk, status=Knowledge.Status.ACTIVE).first()
        )
        if locked:  # else it was merged or archived since it was read
            add_to(locked, new, solution, principal)
            return Captured(locked, created=False)
    raise Conflict("This problem is being merged or archived right now. Repeat the request in a moment.")


def add_to(known: Knowledge, new: Knowledge, solution: str, principal: Principal) -> None:
    """What the known one lacks. What it says otherwise stays; the new wording is kept with the version."""
    if known.problem_signature:
        Knowledge.objects.filter(pk=known.pk).update(occurrences=F("occurrences") + 1)
        known.refresh_from_db(fields=["occurrences"])
    before = said_of(known)
    changed = grown(known, new)
    if principal.kind != "staff" and said_of(known) != before:
        known.verified_by, known.verified_at = "", None
    changed |= bool(solution) and solutions.placed(known, solution, principal)[1]
    other = (new.title, new.content) != (known.title, known.content) and not is_bare(new)
    if changed or other:
        said = {"captured": {"title": new.title, "content": new.content}} if other else {}
        keeping.keep(known, principal=principal, did="captured", reason="Captured again.", also=said)


def said_of(knowledge: Knowledge) -> tuple[Any, ...]:
    """What a person's word is about."""
    return knowledge.title, knowledge.content, knowledge.problem_description


def grown(known: Knowledge, new: Knowledge) -> bool:
    """Adds tags, the missing members of the content and a missing description; whether there was anything to add."""
    before = (known.title, list(known.tags), known.content, known.importance, known.problem_description)
    if is_bare(known):
        known.title = new.title
    known.tags = checked_tags([*known.tags, *new.tags][:MOST_TAGS])
    known.importance = max(known.importance, new.importance)
    known.problem_description = known.problem_description or new.problem_description
    if isinstance(known.content, dict) and isinstance(new.content, dict):
        known.content = new.content | known.content
    return before != (known.title, known.tags, known.content, known.importance, known.problem_description)


# -- changing and reading -----------------------------------------------------------------------------


@verb
def change(
    knowledge_id: UUID, *, principal: Principal, if_version: int | None = None, reason: str = "", **fields: Any
) -> Knowledge:
    """Changes what ``fields`` name of CHANGEABLE, as a new version. Needs ``write``.

    Who is no person takes the word of a person back that way: changed knowledge has to be verified anew.
    Raises NotFound, Invalid, TooLarge, KnowledgeStale, KnowledgeNotActive.
    """
    principal.require("write")
    unknown = sorted(set(fields) - set(CHANGEABLE))
    if unknown:
        raise Invalid(unknown[0], f"'{unknown[0]}' cannot be changed.")
    knowledge = keeping.locked_active(knowledge_id, principal, if_version)
    before = [getattr(knowledge, name) for name in CHANGEABLE]
    put(knowledge, fields)
    if before == [getattr(knowledge, name) for name in CHANGEABLE]:
        return knowledge
    if principal.kind != "staff":
        knowledge.verified_by, knowledge.verified_at = "", None
    return keeping.keep(knowledge, principal=principal, did="changed", reason=reason)


def of(
    *,
    principal: Principal,
    knowledge_type: str | None = None,
    tags: Sequence[str] | None = None,
    verified: bool | None = None,
    status: str | None = "active",
    error_type: str | None = None,
    text: str = "",
) -> QuerySet[Knowledge]:
    """What the caller may see of it, active only unless ``status`` says otherwise; ``text`` stands in it as it is."""
    asked = {"knowledge_type": knowledge_type, "status": status, "error_type": error_type}
    rows = keeping.visible(principal).filter(**{name: value for name, value in asked.items() if value})
    if tags:
        rows = rows.filter(tags__contains=list(tags))
    if verified is not None:
        rows = rows.filter(~Q(verified_by="") if verified else Q(verified_by=""))
    return rows.filter(text__icontains=text) if text else rows


@verb
def get(knowledge_id: UUID, *, principal: Principal) -> Knowledge:
    """Raises NotFound."""
    principal.require("read")
    return keeping.found(knowledge_id, principal)


@verb
def versions(knowledge_id: UUID, *, principal: Principal) -> QuerySet[KnowledgeVersion]:
    """What it said in each version. Raises NotFound."""
    principal.require("read")
    rows: QuerySet[KnowledgeVersion] = KnowledgeVersion.objects.filter(knowledge=keeping.found(knowledge_id, principal))
    return rows


@verb
def solutions_of(row: Knowledge, *, principal: Principal) -> list[Solution]:
    """Of knowledge that the caller was given: the active ones, the surest first."""
    return best_first(keeping.solutions_of(row))


def search(
    query: str,
    *,
    principal: Principal,
    knowledge_type: str | None = None,
    tags: Sequence[str] | None = None,
    mode: str = "hybrid",
    limit: int = 10,
) -> SearchAnswer:
    """The best active knowledge for a query, by words and meaning. Raises Invalid."""
    filters = Filters(memory_type=knowledge_type, tags=list(tags) if tags else None)
    return search_index(principal=principal, query=query, mode=mode, kinds=["knowledge"], filters=filters, limit=limit)


@verb
def found(answer: SearchAnswer, *, principal: Principal) -> list[tuple[Knowledge, float]]:
    """The rows of what a search found, each with its score, best first."""
    rows = keeping.visible(principal).in_bulk([result["id"] for result in answer.results])
    return [(rows[result["id"]], result["score"]) for result in answer.results if result["id"] in rows]
