"""What whoever has a step brings back: its result, its failure, more time, or the step itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from memoryhub.access.deadlocks import once_more
from memoryhub.access.exceptions import HubError, Invalid, TooLarge
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services.drafts import check_value
from procedures_app.exceptions import EvidenceMissing
from procedures_app.models import Approval, Run, StepKind, StepRun
from procedures_app.services import errors
from procedures_app.services.runs import asking, lapsing, moving, work
from procedures_app.services.runs.held import HeldRun, Status, holder, holding
from procedures_app.services.runs.holders import check_held
from procedures_app.services.runs.refusals import noted
from procedures_app.services.runs.remembering import speaking_of
from procedures_app.services.runs.taking import carry_on, duration

logger = logging.getLogger(__name__)
DONE = (Status.DONE, Status.REPLACED, Status.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What was brought back of a step that was done."""

    evidence: dict[str, Any]
    output: Any
    note: str


def complete(
    run_id: UUID,
    step_id: str,
    *,
    principal: Principal,
    lease: int,
    evidence: Mapping[str, Any] | None = None,
    output: Any = None,
    note: str = "",
) -> Run:
    """The step is done, with its evidence. The same again by the same lease answers the same.

    Raises NotFound, StepRequired (with ``required_step``), EvidenceMissing (with ``errors``), LeaseLost, RunNotOpen,
    Forbidden for an agent that the step is not for, Invalid and TooLarge for what is no JSON or too much of it, Invalid
    for an ``output`` where the hub recorded one.
    """
    principal.require("write")
    said = HandedIn(dict(evidence or {}), output, note)
    for name, value in (("evidence", said.evidence), ("output", output)):
        check_value(value, name)
    # memory actions that follow lock what other runs remember too
    return once_more(lambda: completed(run_id, step_id, principal, lease, said))


def completed(run_id: UUID, step_id: str, principal: Principal, lease: int, said: HandedIn) -> Run:
    with noted(run_id, step_id, "complete", principal), holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        step = held.step(step_id)
        if repeated(held, step, lease, said.evidence):
            return held.run
        check_held(held, step, lease)
        check_output(step, said.output)
        cleaned = checked(held, step, said.evidence, said.note)
        finish(held, step, cleaned, said.output, said.note)
        for one in list(held.family):
            carry_on(one)
        return held.run


def repeated(held: HeldRun, step: StepRun, lease: int, given: dict[str, Any]) -> bool:
    """Whether this very lease completed the step already, with the same evidence."""
    handed_over = step.status == Status.WAITING and step.definition.kind == StepKind.CONFIRMATION and step.evidence
    mine = step.lease_token == lease and step.lease_agent == holder(held.principal)
    if not mine or (step.status not in DONE and not handed_over):
        return False
    if step.status == Status.ROLLED_BACK or step.proposal:
        return step.status == Status.ROLLED_BACK or step.evidence == given
    cleaned, errors = work.handed_in(work.open_fields(step), given)
    return not errors and bool(found_by_hub(step) | cleaned == step.evidence)


def check_output(step: StepRun, output: Any) -> None:
    if output is not None and work.recorded(step):
        raise Invalid("output", "The hub carried this step out and recorded what it found. Leave 'output' out.")


def found_by_hub(step: StepRun) -> dict[str, Any]:
    """The evidence that the recorded output gave."""
    found = (step.output or {}) if work.recorded(step) else {}
    return {name: value for name, value in step.evidence.items() if name in found}


def checked(held: HeldRun, step: StepRun, given: dict[str, Any], note: str) -> dict[str, Any]:
    """The evidence as it is kept. Raises EvidenceMissing."""
    if held.run.undoing:
        return {}
    if step.proposal:
        errors = [] if given or note.strip() else [{"field": "evidence", "message": "Say what was done instead."}]
        cleaned = given
    else:
        cleaned, errors = work.handed_in(work.of(held, step).fields, given)
        cleaned = found_by_hub(step) | cleaned
    if errors:
        names = ", ".join(error["field"] for error in errors)
        raise EvidenceMissing(
            f"The step '{step_id_of(step)}' requires other evidence. See: {names}.",
            errors=errors,
            run_id=str(held.run.pk),
            required_step=step.step_id,
        )
    return cleaned


def step_id_of(step: StepRun) -> str:
    return str(step.step_id)


def finish(held: HeldRun, step: StepRun, evidence: dict[str, Any], output: Any, note: str) -> None:
    """A confirmation with evidence is a person's from here on."""
    if work.of(held, step).kind != StepKind.CONFIRMATION:
        moving.done(held, step, evidence=evidence, output=output, note=note)
        return
    held.put(step, evidence=evidence, output=output)
    asking.ask(held, step, Approval.Kind.CONFIRMATION, reason=note or work.instruction(held, step))


def fail(
    run_id: UUID,
    step_id: str,
    *,
    principal: Principal,
    lease: int,
    error: str,
    context: Mapping[str, Any] | None = None,
) -> Run:
    """The attempt failed: another one follows, or what the step's policy says. The error is captured as knowledge.

    Raises as ``complete``.
    """
    principal.require("write")
    known = recognized(run_id, error, principal)
    with noted(run_id, step_id, "fail", principal), holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        step = held.step(step_id)
        check_held(held, step, lease)
        moving.failed(held, step, error, context=dict(context) if context else None)
        run, caller = held.run, held.principal
    if known is not None:
        met = {**(context or {}), "run_id": str(run_id), "procedure": run.procedure.name, "step_id": step_id}
        learn(run, error, met, known, caller)
    return run


def recognized(run_id: UUID, error: str, principal: Principal) -> errors.Recognized | None:
    """Which known problem the error is: before the run is held, because a model may be at work on it.

    None for what is no error text, and where there is no such run.
    """
    with behind_walls(principal):
        run = Run.objects.visible_to(principal).filter(pk=run_id).only("tenant_id", "user_id", "session_id").first()
    try:
        if run is None:
            return None
        return errors.recognized(error, principal=speaking_of(run, principal.within(run.tenant_id)))
    except (Invalid, TooLarge):
        logger.warning("The error of a step of run %s is no error text.", run_id, exc_info=True)
        return None


def learn(run: Run, error: str, met: dict[str, Any], known: errors.Recognized, principal: Principal) -> None:
    """Keeps the error for the next one who meets it. Being unable to must not undo the failure itself.

    It is about whom the run is about, whomever the caller names.
    """
    about = speaking_of(run, principal)
    try:
        with transaction.atomic():
            errors.capture(principal=about, message=error, context=met, operation=run.operation, known=known)
    except HubError:
        logger.warning("The error of a step of run %s could not be kept.", run.pk, exc_info=True)


def renew(run_id: UUID, step_id: str, *, principal: Principal, lease: int, lease_seconds: int | None = None) -> StepRun:
    """Starts the time of the lease anew. Raises as ``complete``."""
    principal.require("write")
    seconds = duration(lease_seconds)
    with holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        step = held.step(step_id)
        check_held(held, step, lease)
        held.put(step, lease_expires_at=held.now + timedelta(seconds=seconds))
        return step


def release(run_id: UUID, step_id: str, *, principal: Principal, lease: int) -> Run:
    """Gives the step back undone, for the next one to take; the attempt does not count. Raises as ``complete``."""
    principal.require("write")
    with holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        step = held.step(step_id)
        check_held(held, step, lease)
        held.put(step, attempts=step.attempts - 1)
        held.note("step.released", step, lease=lease)
        moving.open_step(held, step)
        return held.run
