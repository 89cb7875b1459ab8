"""What people do with what was learned: verify, merge, supersede, archive, and go back to an earlier version."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from memoryhub.access.exceptions import Conflict, Forbidden, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app import signatures
from procedures_app.exceptions import KnowledgeNotActive, SignatureTaken
from procedures_app.models import Knowledge, KnowledgeVersion, Solution
from procedures_app.services import keeping
from procedures_app.services.governing import may_govern, require_governor

ACTIVE = Knowledge.Status.ACTIVE
#: Solutions and errors remember by which merges they came, so that a merge can be undone among later ones.
MOVE = """
UPDATE {table} SET knowledge_id = %(keep)s, merged_from = merged_from || %(drop)s::uuid WHERE knowledge_id = %(drop)s
"""
MOVE_BACK = """
UPDATE {table} SET knowledge_id = %(drop)s, merged_from = merged_from[: array_position(merged_from, %(drop)s) - 1]
WHERE tenant_id = %(tenant)s AND %(drop)s::uuid = ANY (merged_from)
"""
#: What replaces what changes in one place at a time: chains of replacements are longer than two rows.
ONE_CURATOR = "SELECT pg_advisory_xact_lock(hashtextextended('memoryhub curation ' || %s, 0))"
TABLES = ("knowledge_solutions", "captured_errors")


@verb
def verify(
    knowledge_id: UUID, *, principal: Principal, verified: bool = True, if_version: int | None = None, reason: str = ""
) -> Knowledge:
    """Confirms that it is right, with the solutions that it has now, or takes that back. For governors.

    A solution that is added later needs a word of its own. Raises NotFound, KnowledgeStale.
    """
    require_governor(principal)
    knowledge = keeping.locked_active(knowledge_id, principal, if_version)
    if bool(knowledge.verified_by) == verified:
        return knowledge
    verify_solutions(knowledge, principal, verified=verified)
    did = "verified" if verified else "unverified"
    return keeping.keep(knowledge, principal=principal, did=did, reason=reason)


@verb
def merge(
    keep_id: UUID, drop_id: UUID, *, principal: Principal, if_version: int | None = None, reason: str = ""
) -> Knowledge:
    """Makes two pieces of knowledge one: the kept one gets the solutions, errors and occurrences of the other.

    The other's signature stands for the kept one from then on. Restoring a version of the other, from before the
    merge, undoes it. For governors. Raises NotFound, Invalid, Conflict (other readers), KnowledgeStale,
    KnowledgeNotActive.
    """
    require_governor(principal)
    alone(principal)
    kept, dropped = pair(keep_id, drop_id, principal, "drop_id")
    keeping.check_version(kept, if_version)
    if kept.user_id != dropped.user_id or kept.tenant_id != dropped.tenant_id:
        raise Conflict("The two have different readers, so neither can take the other in.")
    moved(MOVE, {"keep": kept.pk, "drop": dropped.pk})
    count(kept, dropped.occurrences)
    replace(dropped, kept, Knowledge.Status.MERGED)
    keeping.keep(dropped, principal=principal, did="merged", reason=reason)
    return keeping.keep(kept, principal=principal, did="merged", reason=reason)


@verb
def supersede(old_id: UUID, new_id: UUID, *, principal: Principal, reason: str = "") -> Knowledge:
    """Puts newer knowledge in the place of older, which keeps what it says and is no longer found. For governors.

    Gives the old one. Raises NotFound, Invalid, Conflict (readers would lose it), KnowledgeNotActive.
    """
    require_governor(principal)
    alone(principal)
    old, new = pair(old_id, new_id, principal, "by_id")
    if old.tenant_id != new.tenant_id or new.user_id not in (None, old.user_id):
        raise Conflict("Not everybody who reads the old one could read the new one.")
    replace(old, new, Knowledge.Status.SUPERSEDED)
    return keeping.keep(old, principal=principal, did="superseded", reason=reason)


@verb
def archive(knowledge_id: UUID, *, principal: Principal, if_version: int | None = None, reason: str = "") -> Knowledge:
    """Takes it out of sight; it can be restored. For its author, with ``write``, and for governors."""
    knowledge = keeping.locked(knowledge_id, principal)
    require_author_or_governor(knowledge, principal)
    keeping.check_version(knowledge, if_version)
    if knowledge.status == Knowledge.Status.ARCHIVED:
        return knowledge
    if knowledge.status != ACTIVE:
        raise KnowledgeNotActive(knowledge_status=knowledge.status)
    knowledge.status = Knowledge.Status.ARCHIVED
    return keeping.keep(knowledge, principal=principal, did="archived", reason=reason)


@verb
def restore(
    knowledge_id: UUID, version: int, *, principal: Principal, if_version: int | None = None, reason: str = ""
) -> Knowledge:
    """Makes it say again what that version said, as a new version; counts and feedback stay as they are.

    What was merged, superseded or archived comes back that way, with the solutions and errors that a merge moved.
    For its author, with ``write``, and for governors; for these alone where somebody else took it out of sight, and
    what they retired stays so. Solutions that the version did not have are retired. Raises NotFound, Forbidden,
    KnowledgeStale, SignatureTaken.
    """
    alone(principal)
    knowledge, kept = locked_with_successor(knowledge_id, principal)
    require_author_or_governor(knowledge, principal)
    keeping.check_version(knowledge, if_version)
    document = document_of(knowledge, version)
    if kept is not None:
        require_governor(principal)
        take_back(knowledge, kept, principal)
    require_right_to_bring_back(knowledge, principal)
    say_again(knowledge, document, principal)
    restore_solutions(knowledge, document, principal)
    try:
        with transaction.atomic():
            return keeping.keep(knowledge, principal=principal, did="restored", reason=reason or f"Version {version}.")
    except IntegrityError as error:
        raise taken(knowledge) from error


# -- parts --------------------------------------------------------------------------------------------


def alone(principal: Principal) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ONE_CURATOR, [keeping.tenant_of(principal)])


def pair(first: UUID, second: UUID, principal: Principal, field: str) -> tuple[Knowledge, Knowledge]:
    """Both locked and active."""
    if first == second:
        raise Invalid(field, "Name another piece of knowledge than this one.")
    both = keeping.locked_both(first, second, principal)
    for each in both:
        if each.status != ACTIVE:
            raise KnowledgeNotActive(
                f"'{each.title}' was replaced or archived. Restore it first.", knowledge_status=each.status
            )
    return both


def replace(old: Knowledge, new: Knowledge, status: str) -> None:
    old.status, old.replaced_by = status, new


def moved(statement: str, values: dict[str, Any]) -> int:
    """How many rows of both tables."""
    with connection.cursor() as cursor:
        number = 0
        for table in TABLES:
            cursor.execute(statement.format(table=table), values)
            number += cursor.rowcount
    return number


def count(knowledge: Knowledge, more: int) -> None:
    rows = Knowledge.objects.filter(pk=knowledge.pk)
    rows.update(occurrences=Greatest(F("occurrences") + more, 0))
    knowledge.refresh_from_db(fields=["occurrences"])


def require_author_or_governor(knowledge: Knowledge, principal: Principal) -> None:
    if not may_govern(principal):
        principal.require("write")
        if knowledge.author != principal.actor:
            raise Forbidden("Only its author may do this, or somebody who governs. Ask for it to be curated.")


def require_right_to_bring_back(knowledge: Knowledge, principal: Principal) -> None:
    """What its author archived the author brings back, unless somebody changed it since."""
    if knowledge.status == ACTIVE or may_govern(principal):
        return
    last = KnowledgeVersion.objects.filter(knowledge=knowledge, version=knowledge.version)
    if knowledge.status != Knowledge.Status.ARCHIVED or not last.filter(author=principal.actor).exists():
        raise Forbidden("Somebody else took this out of sight. Ask for it to be restored by somebody who governs.")


def verify_solutions(knowledge: Knowledge, principal: Principal, *, verified: bool) -> None:
    """The word about knowledge is given about its active solutions with it, and taken back from just these."""
    rows = Solution.objects.filter(knowledge=knowledge)
    if verified:
        knowledge.verified_by, knowledge.verified_at = principal.actor, timezone.now()
        unverified = rows.filter(status=Solution.Status.ACTIVE, verified_by="")
        unverified.update(verified_by=knowledge.verified_by, verified_at=knowledge.verified_at)
    else:
        rows.filter(verified_at=knowledge.verified_at).update(verified_by="", verified_at=None)
        knowledge.verified_by, knowledge.verified_at = "", None


def locked_with_successor(knowledge_id: UUID, principal: Principal) -> tuple[Knowledge, Knowledge | None]:
    """Merged knowledge comes with what has its solutions now; other knowledge alone."""
    knowledge = keeping.found(knowledge_id, principal)
    if knowledge.status != Knowledge.Status.MERGED:
        return keeping.locked(knowledge_id, principal), None
    last = chain(knowledge)[-1]
    return keeping.locked_both(knowledge.pk, last.pk, principal)


def chain(dropped: Knowledge) -> list[Knowledge]:
    """What it was merged into, what that was merged into, …"""
    steps = [dropped]
    while steps[-1].status == Knowledge.Status.MERGED and steps[-1].replaced_by:
        steps.append(steps[-1].replaced_by)
    return steps


def document_of(knowledge: Knowledge, version: int) -> dict[str, Any]:
    found = KnowledgeVersion.objects.filter(knowledge=knowledge, version=version).first()
    if found is None:
        raise NotFound(f"There is no version {version} of this.")
    return dict(found.document)


def take_back(dropped: Knowledge, kept: Knowledge, principal: Principal) -> None:
    """What the merge moved, from where it is now; that says so in a version of its own."""
    moved(MOVE_BACK, {"drop": dropped.pk, "tenant": dropped.tenant_id})
    for each in chain(dropped)[1:-1]:
        count(each, -dropped.occurrences)
    if kept.pk != dropped.pk:
        count(kept, -dropped.occurrences)
        keeping.keep(kept, principal=principal, did="unmerged", reason=f"Taken apart from '{dropped.title}'.")


def say_again(knowledge: Knowledge, document: dict[str, Any], principal: Principal) -> None:
    """The word of a person comes back through a person alone."""
    for name in keeping.SAID:
        setattr(knowledge, name, document[name])
    if knowledge.problem_signature:  # which may be by the rules of a former version
        error = signatures.stored(error_type=knowledge.error_type, template=knowledge.template)
        knowledge.problem_signature = error.signature
    if principal.kind != "staff":
        knowledge.verified_by = ""
    knowledge.verified_at = timezone.now() if knowledge.verified_by else None
    # coming back means to be there: what a former version was replaced by may itself be gone
    knowledge.status, knowledge.replaced_by = ACTIVE, None


def restore_solutions(knowledge: Knowledge, document: dict[str, Any], principal: Principal) -> None:
    said = {each["id"]: each for each in document["solutions"]}
    now = timezone.now()
    for solution in keeping.solutions_of(knowledge):
        before = said.get(str(solution.pk), {"status": Solution.Status.RETIRED})
        restore_solution(solution, before, principal)
        solution.updated_at = now
        solution.save(update_fields=[*keeping.SAID_OF_SOLUTION, "verified_at", "updated_at"])


def restore_solution(solution: Solution, before: dict[str, Any], principal: Principal) -> None:
    """An agent brings back neither the word of a person nor what was retired; and that word is about a text."""
    now = {name: getattr(solution, name) for name in keeping.SAID_OF_SOLUTION}
    back = now | {name: before[name] for name in now if name in before}
    if principal.kind != "staff":
        same = (back["text"], back["procedure"]) == (now["text"], now["procedure"])
        back["verified_by"] = now["verified_by"] if same else ""
    if not may_govern(principal) and now["status"] == Solution.Status.RETIRED:
        back["status"] = Solution.Status.RETIRED
    if back["verified_by"] != now["verified_by"]:
        solution.verified_at = timezone.now() if back["verified_by"] else None
    for name, value in back.items():
        setattr(solution, name, value)


def taken(knowledge: Knowledge) -> SignatureTaken:
    other = Knowledge.objects.filter(
        tenant_id=knowledge.tenant_id,
        user_id=knowledge.user_id,
        problem_signature=knowledge.problem_signature,
        status=ACTIVE,
    ).first()
    return SignatureTaken(other=other and str(other.pk))
