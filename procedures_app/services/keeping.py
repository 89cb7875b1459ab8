"""How knowledge is found, locked and written: with its version, its searchable text and its row of the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls
from memoryhub.registry.content import text_of
from procedures_app import indexing
from procedures_app.exceptions import KnowledgeNotActive, KnowledgeStale
from procedures_app.indexing import Indexed
from procedures_app.models import Knowledge, KnowledgeVersion, Solution
from procedures_app.services.rates import best_first, rate
from sessions_app.models import Session

#: What a version holds; counts are no part of it, because they go on whatever it says.
SAID = (
    "knowledge_type", "title", "content", "tags", "importance", "problem_signature", "problem_description",
    "error_type", "template", "status", "verified_by",
)  # fmt: skip
SAID_OF_SOLUTION = ("text", "procedure", "status", "verified_by")


def tenant_of(principal: Principal) -> str:
    """The tenant that the caller acts in. Raises Invalid for platform keys and staff that named none."""
    if principal.tenant_id is None:
        raise Invalid("tenant_id", "Name the tenant: this caller may act in several.")
    return principal.tenant_id


def whose(principal: Principal) -> tuple[str | None, str | None]:
    """Of which user and session something is that the caller writes: a session's user is known without being named."""
    user, session = principal.named_user, principal.named_session
    if session and user is None:
        known = Session.objects.filter(tenant_id=tenant_of(principal), session_id=session)
        user = known.values_list("user_id", flat=True).first()
    return user, session


def visible(principal: Principal) -> QuerySet[Knowledge]:
    rows: QuerySet[Knowledge] = Knowledge.objects.visible_to(principal)
    return rows


def found(knowledge_id: UUID, principal: Principal) -> Knowledge:
    """Raises NotFound."""
    return one(visible(principal).filter(pk=knowledge_id))


def locked(knowledge_id: UUID, principal: Principal) -> Knowledge:
    """The row by which all who change a piece of knowledge or its solutions wait for each other. Raises NotFound."""
    return one(visible(principal).filter(pk=knowledge_id).select_for_update(no_key=True))


def locked_active(knowledge_id: UUID, principal: Principal, if_version: int | None = None) -> Knowledge:
    """Raises NotFound, KnowledgeStale, KnowledgeNotActive."""
    knowledge = locked(knowledge_id, principal)
    check_version(knowledge, if_version)
    if knowledge.status != Knowledge.Status.ACTIVE:
        raise KnowledgeNotActive(
            knowledge_status=knowledge.status, replaced_by=knowledge.replaced_by_id and str(knowledge.replaced_by_id)
        )
    return knowledge


def locked_both(first: UUID, second: UUID, principal: Principal) -> tuple[Knowledge, Knowledge]:
    """Both locked, the lower id first, so that no two callers wait for each other."""
    rows = {pk: locked(pk, principal) for pk in sorted((first, second))}
    return rows[first], rows[second]


def lock_all(ids: Iterable[UUID | None], principal: Principal) -> None:
    """Locks what the caller sees of these until its transaction ends, the lowest id first: whoever is about to change
    several would wait for another who changes the same in another order, and that one for it."""
    with behind_walls(principal):
        rows = visible(principal).filter(pk__in={pk for pk in ids if pk}).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk"))


def one(rows: QuerySet[Knowledge]) -> Knowledge:
    knowledge = rows.first()
    if knowledge is None:
        raise NotFound("There is no such knowledge here.")
    return knowledge


def check_version(knowledge: Knowledge, if_version: int | None) -> None:
    if if_version is not None and if_version != knowledge.version:
        raise KnowledgeStale(current_version=knowledge.version)


def solutions_of(knowledge: Knowledge) -> list[Solution]:
    return list(Solution.objects.filter(knowledge=knowledge).order_by("created_at", "pk"))


# -- writing ------------------------------------------------------------------------------------------


def keep(
    knowledge: Knowledge,
    *,
    principal: Principal,
    did: str,
    reason: str = "",
    also: Mapping[str, Any] | None = None,
) -> Knowledge:
    """Writes what the locked row says now as its next version, in the caller's transaction. ``did`` is part of the
    audit code; ``also`` is kept in the version's document."""
    solutions = solutions_of(knowledge)
    knowledge.version += 1
    knowledge.updated_at = timezone.now()
    knowledge.text = searchable(knowledge, solutions)
    mirrored = mirror(knowledge, solutions)
    knowledge.save(update_fields=[*SAID, "text", "replaced_by", "verified_at", "version", "updated_at", *mirrored])
    return written_down(knowledge, solutions, principal=principal, did=did, reason=reason, also=also)


def complete(knowledge: Knowledge) -> Knowledge:
    """With what a row says that has no solution yet, before it is inserted."""
    knowledge.text = searchable(knowledge, [])
    mirror(knowledge, [])
    return knowledge


def first_kept(
    knowledge: Knowledge, solutions: Sequence[Solution], *, principal: Principal, reason: str = ""
) -> Knowledge:
    """Version 1 of a row that was just inserted, as ``complete`` left it."""
    if solutions:
        knowledge.text = searchable(knowledge, solutions)
        knowledge.save(update_fields=["text", *mirror(knowledge, solutions)])
    return written_down(knowledge, solutions, principal=principal, did="captured", reason=reason, also=None)


def written_down(
    knowledge: Knowledge,
    solutions: Sequence[Solution],
    *,
    principal: Principal,
    did: str,
    reason: str,
    also: Mapping[str, Any] | None,
) -> Knowledge:
    KnowledgeVersion.objects.create(
        tenant_id=knowledge.tenant_id,
        knowledge=knowledge,
        version=knowledge.version,
        document=document(knowledge, solutions) | dict(also or {}),
        author=principal.actor,
        reason=reason,
    )
    indexing.put([indexed(knowledge)], principal=principal)
    record(did, knowledge, principal, reason=reason, new={"version": knowledge.version, "status": knowledge.status})
    return knowledge


def document(knowledge: Knowledge, solutions: Iterable[Solution]) -> dict[str, Any]:
    said = {name: getattr(knowledge, name) for name in SAID}
    return said | {
        "replaced_by": knowledge.replaced_by_id and str(knowledge.replaced_by_id),
        "solutions": [
            {"id": str(each.pk)} | {name: getattr(each, name) for name in SAID_OF_SOLUTION} for each in solutions
        ],
    }


def searchable(knowledge: Knowledge, solutions: Iterable[Solution]) -> str:
    """Title, problem, content, what solves it, tags; lines that say the same stand once."""
    active = [each.text for each in solutions if each.status == Solution.Status.ACTIVE]
    bare = knowledge.content == {"error": knowledge.template}
    parts = [
        knowledge.title,
        "" if knowledge.title.endswith(knowledge.template) else knowledge.template,
        knowledge.problem_description,
        "" if bare else text_of(knowledge.content),
        *active,
        " ".join(knowledge.tags),
    ]
    lines = [line.strip() for part in parts for line in part.splitlines()]
    return "\n".join(dict.fromkeys(line for line in lines if line))


def mirror(knowledge: Knowledge, solutions: Iterable[Solution]) -> list[str]:
    """Repeats the best solution on the row; the names of what it set."""
    best = next(iter(best_first(solutions)), None)
    knowledge.solution = best.text if best else ""
    knowledge.success_rate = best.success_rate if best else rate(0, 0)
    knowledge.usage_count = best.usage_count if best else 0
    knowledge.last_used = best.last_used if best else None
    return ["solution", "success_rate", "usage_count", "last_used"]


def indexed(knowledge: Knowledge) -> Indexed:
    return Indexed(
        id=knowledge.pk,
        kind="knowledge",
        tenant_id=knowledge.tenant_id,
        user_id=knowledge.user_id,
        session_id=knowledge.session_id,
        memory_type=knowledge.knowledge_type,
        tags=knowledge.tags,
        importance=knowledge.importance,
        content=knowledge.text,
        version=knowledge.version,
        event_at=knowledge.updated_at,
        archived=knowledge.status != Knowledge.Status.ACTIVE,
    )


def record(did: str, knowledge: Knowledge, principal: Principal, **values: Any) -> None:
    audit.record(
        f"knowledge.{did}",
        principal=principal,
        tenant_id=knowledge.tenant_id,
        object_type="knowledge",
        object_id=knowledge.pk,
        **values,
    )
