"""Solutions of problems, and what came of trying them: rates move with feedback, each try counted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from memoryhub.access.exceptions import Conflict, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app.models import CapturedError, Feedback, Knowledge, Operation, Procedure, Solution
from procedures_app.services import keeping
from procedures_app.services.governing import require_governor
from procedures_app.services.rates import rate

LONGEST = 20_000
LONGEST_NOTE = 2_000
#: More ways to solve one problem are a sign that it is several.
MOST_SOLUTIONS = 100
#: So often a solution is looked up again that was merged into other knowledge in between.
MOST_TRIES = 20

# Counts and rate change in one statement, so that no reader finds them apart.
COUNT = """
UPDATE knowledge_solutions SET
  successes = successes + %(successes)s, failures = failures + %(failures)s,
  usage_count = usage_count + %(successes)s + %(failures)s,
  success_rate = (successes + %(successes)s + %(good)s::float8)
    / (successes + failures + %(successes)s + %(failures)s + %(good)s::float8 + %(bad)s::float8),
  last_used = CASE WHEN %(tried)s THEN clock_timestamp() ELSE last_used END, updated_at = clock_timestamp()
WHERE id = %(id)s
"""


@verb
def add(knowledge_id: UUID, *, principal: Principal, text: str, procedure: str = "") -> Solution:
    """One more way to solve a problem; the known one where it says the same. Needs ``write``.

    ``procedure`` names the procedure to follow. Raises NotFound, Invalid, KnowledgeNotActive, Conflict (too many).
    """
    principal.require("write")
    knowledge = keeping.locked_active(knowledge_id, principal)
    solution, created = placed(knowledge, text, principal, procedure)
    if created:
        keeping.keep(knowledge, principal=principal, did="solution_added")
    return solution


def placed(knowledge: Knowledge, text: str, principal: Principal, procedure: str = "") -> tuple[Solution, bool]:
    """The locked knowledge's solution with this text, and whether it was added. A retired one stays retired."""
    said = checked_text(text)
    known = keeping.solutions_of(knowledge)
    same = next((each for each in known if same_text(each.text, said) and each.procedure == procedure), None)
    if same is not None:
        return same, False
    if len(known) >= MOST_SOLUTIONS:
        raise Conflict(f"This has {MOST_SOLUTIONS} solutions already. Retire some, or split the problem.")
    return made(knowledge, said, principal, procedure), True


def made(knowledge: Knowledge, text: str, principal: Principal, procedure: str = "") -> Solution:
    now = timezone.now()
    return Solution.objects.create(
        tenant_id=knowledge.tenant_id,
        knowledge=knowledge,
        text=checked_text(text),
        procedure=checked_procedure(procedure, principal),
        success_rate=rate(0, 0),
        author=principal.actor,
        created_at=now,
        updated_at=now,
    )


def same_text(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


def checked_text(text: str) -> str:
    said = text.strip()
    if not 1 <= len(said) <= LONGEST:
        raise Invalid("text", f"Say in 1 to {LONGEST} characters what to do.")
    return said


def checked_procedure(name: str, principal: Principal) -> str:
    if name and not Procedure.objects.visible_to(principal).filter(name=name).exists():
        raise NotFound(f"There is no procedure '{name}' here.")
    return name


@verb
def change(
    solution_id: UUID,
    *,
    principal: Principal,
    text: str | None = None,
    procedure: str | None = None,
    retired: bool | None = None,
    verified: bool | None = None,
    reason: str = "",
) -> Solution:
    """Rewords, retires or confirms a solution, as a new version of its knowledge. For governors. Counts stay."""
    require_governor(principal)
    knowledge, solution = locked(solution_id, principal)
    before = shown(solution)
    if text is not None:
        solution.text = checked_text(text)
    if procedure is not None:
        solution.procedure = checked_procedure(procedure, principal)
    if retired is not None:
        solution.status = Solution.Status.RETIRED if retired else Solution.Status.ACTIVE
    if verified is not None:
        solution.verified_by = principal.actor if verified else ""
        solution.verified_at = timezone.now() if verified else None
    if shown(solution) != before:
        solution.updated_at = timezone.now()
        solution.save(update_fields=[*keeping.SAID_OF_SOLUTION, "verified_at", "updated_at"])
        keeping.keep(knowledge, principal=principal, did="solution_changed", reason=reason)
    return solution


def shown(solution: Solution) -> list[Any]:
    return [getattr(solution, name) for name in keeping.SAID_OF_SOLUTION]


def locked(solution_id: UUID, principal: Principal) -> tuple[Knowledge, Solution]:
    """A solution with its knowledge, whose lock guards both. Merging may move it in between. Raises NotFound."""
    for _ in range(MOST_TRIES):
        at = knowledge_of(solution_id, principal)
        knowledge = keeping.locked(at, principal)
        solution = Solution.objects.filter(pk=solution_id, knowledge=knowledge).first()
        if solution is not None:
            return knowledge, solution
    raise Conflict("This solution is being moved right now. Repeat the request in a moment.")


def knowledge_of(solution_id: UUID, principal: Principal) -> UUID:
    found = Solution.objects.filter(pk=solution_id, knowledge__in=keeping.visible(principal))
    at: UUID | None = found.values_list("knowledge_id", flat=True).first()
    if at is None:
        raise NotFound("There is no such solution here.")
    return at


# -- feedback -----------------------------------------------------------------------------------------


@verb
def feedback(
    solution_id: UUID,
    *,
    principal: Principal,
    worked: bool,
    error_id: UUID | None = None,
    operation_id: UUID | None = None,
    note: str = "",
) -> Solution:
    """Says whether trying it helped. Needs ``write``; gives the solution with its new rate.

    About one error, or one operation, it counts once: said again, the new answer takes the place of the former one.
    Without either it is what this caller says of the solution, and counts once, too.
    Raises NotFound (solution, error or operation), Invalid.
    """
    principal.require("write")
    if len(note) > LONGEST_NOTE:
        raise Invalid("note", f"At most {LONGEST_NOTE} characters.")
    tried = trial(error_id, operation_id, principal)
    knowledge, solution = locked(solution_id, principal)
    former = said_before(solution, tried, principal.actor)
    before = former and {"worked": former.worked}
    count(solution, former, worked)
    said = former or Feedback(tenant_id=solution.tenant_id, solution=solution)
    said.worked, said.note, said.author = worked, note, principal.actor
    write(said, tried, is_new=former is None)
    solution.refresh_from_db()
    mirror(knowledge)
    mark_solved(tried.error, solution, worked)
    keeping.record(
        "feedback_given",
        knowledge,
        principal,
        old=before,
        new={"worked": worked, "solution": str(solution.pk)},
    )
    return solution


@dataclass(frozen=True, slots=True)
class Trial:
    """What the solution was tried on."""

    error: CapturedError | None
    operation: Operation | None


def trial(error_id: UUID | None, operation_id: UUID | None, principal: Principal) -> Trial:
    """Raises NotFound. An error that was met in an operation is about that, too."""
    error = operation = None
    if error_id is not None:
        error = CapturedError.objects.visible_to(principal).select_related("operation").filter(pk=error_id).first()
        if error is None:
            raise NotFound("There is no such error here.")
    if operation_id is not None:
        operation = Operation.objects.visible_to(principal).filter(pk=operation_id).first()
        if operation is None:
            raise NotFound("There is no such operation here.")
    return Trial(error, operation or (error.operation if error else None))


def said_before(solution: Solution, tried: Trial, author: str) -> Feedback | None:
    """What was said about the same try: about this error, or, where one of the two names none, the operation.

    Where nothing is named it is what the same author said: repeated, it makes nothing surer.
    """
    known = Feedback.objects.filter(solution=solution).order_by("created_at", "pk")
    if tried.error is None and tried.operation is None:
        return known.filter(error=None, operation=None, author=author).first()
    of_operation = known.filter(operation=tried.operation) if tried.operation else known.none()
    if tried.error is None:
        return of_operation.first()
    return known.filter(error=tried.error).first() or of_operation.filter(error=None).first()


def count(solution: Solution, former: Feedback | None, worked: bool) -> None:
    """Adds the new answer and takes the former one back."""
    if former is not None and former.worked == worked:
        return
    prior = settings.CONFIG.procedures
    values: dict[str, Any] = {
        "successes": int(worked) - int(former is not None and former.worked),
        "failures": int(not worked) - int(former is not None and not former.worked),
        "good": prior.prior_successes,
        "bad": prior.prior_failures,
        "tried": former is None,
        "id": solution.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)


def write(said: Feedback, tried: Trial, *, is_new: bool) -> None:
    said.error, said.operation = tried.error or said.error, tried.operation or said.operation
    said.created_at = timezone.now()
    if is_new:
        said.save(force_insert=True)
    else:
        said.save(update_fields=["error", "operation", "worked", "note", "author", "created_at"])


def mirror(knowledge: Knowledge) -> None:
    """The best solution may be another one now."""
    knowledge.save(update_fields=keeping.mirror(knowledge, keeping.solutions_of(knowledge)))


def mark_solved(error: CapturedError | None, solution: Solution, worked: bool) -> None:
    """Of what was recommended for the error; a solution that was tried without one becomes that.

    Unless it is private to other readers: who sees the error is shown its solution.
    """
    if error is None or error.solution_id not in (None, solution.pk):
        return
    if solution.knowledge.user_id not in (None, error.user_id):
        return
    CapturedError.objects.filter(pk=error.pk).update(solution=solution, solved=worked)
