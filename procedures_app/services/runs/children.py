"""Runs that carry out a step of another run."""

from __future__ import annotations

from typing import Any

from memoryhub.access.exceptions import HubError
from procedures_app.documents import placeholders
from procedures_app.exceptions import ConsultationRequired
from procedures_app.models import Run, StepRun
from procedures_app.services import enforcement
from procedures_app.services.runs import moving, work
from procedures_app.services.runs.held import OVER, HeldRun, Status, holder
from procedures_app.services.runs.holders import STARTED
from procedures_app.services.runs.making import inputs_for, make, version_of

#: A procedure within a procedure … so deep.
DEEPEST = 5


def child_of(held: HeldRun, step: StepRun) -> HeldRun | None:
    """The open run that carries out the step, started where there is none; None: it could not, and the step failed.

    Raises ConsultationRequired where work of the procedure's kind needs one.
    """
    found = Run.objects.filter(parent=step).exclude(status__in=OVER).values_list("pk", flat=True).first()
    if found is not None:
        if step.status == Status.READY:  # a question about the step was answered with no
            held.put(step, status=Status.IN_PROGRESS)
        return held.below(found)
    if held.run.undoing:  # it tells when it ends; nothing is begun in order to be undone
        moving.not_undone(held, step, "There is no run to roll back.")
        return None
    moving.begun(held, step, status=Status.IN_PROGRESS, lease_expires_at=None)
    try:
        return started(held, step)
    except ConsultationRequired:
        raise  # the caller's to mend, and no fault of the step: it is begun again once that was done
    except (HubError, placeholders.PlaceholderMissing) as error:
        moving.failed(held, step, str(error), final=True)
        return None


def started(held: HeldRun, step: StepRun) -> HeldRun:
    """Raises HubError, PlaceholderMissing."""
    if depth(held) >= DEEPEST:
        raise HubError(f"Procedures stand within each other more than {DEEPEST} deep.")
    name = work.of(held, step).config.get("procedure", "")
    version = version_of(name, principal=held.principal)
    require_consultation(held, version.kind)
    given = inputs_for(version, inputs_of(held, step, {one["name"] for one in version.inputs}))
    run = make(version, given, principal=held.principal, above=held.run, step=step)
    child = held.below(run.pk)
    child.note(STARTED, procedure=name, version=version.number, started_by=holder(held.principal))
    held.note("step.delegated", step, attempt=step.attempts, run=str(run.pk))
    moving.advance(child)
    return child


def require_consultation(held: HeldRun, kind: str) -> None:
    """As for a run that is started alone, unless the run above stands for an operation of this kind."""
    operation = held.run.operation
    if operation is None or operation.kind != enforcement.canonical_kind(kind):
        enforcement.check(kind, principal=held.principal)


def depth(held: HeldRun) -> int:
    return 1 + (depth(held.above) if held.above else 0)


def inputs_of(held: HeldRun, step: StepRun, wanted: set[str]) -> dict[str, Any]:
    """What the step says, filled in; else the inputs of the same names of the run above."""
    given = {name: value for name, value in held.run.inputs.items() if name in wanted}
    said: dict[str, Any] = placeholders.fill(work.of(held, step).config.get("inputs") or {}, held.context())
    return given | said
