"""Asking to leave a step out, or to do it otherwise: a person decides, and the step waits."""

from __future__ import annotations

from uuid import UUID

from memoryhub.access.exceptions import Conflict, Invalid
from memoryhub.access.principals import Principal
from procedures_app.exceptions import LeaseLost
from procedures_app.models import Approval, StepRun
from procedures_app.services.runs import asking, lapsing
from procedures_app.services.runs.held import HeldRun, Status, holder, holding
from procedures_app.services.runs.holders import check_agent, check_current, check_open, where
from procedures_app.services.runs.refusals import noted


def ask_skip(run_id: UUID, step_id: str, *, principal: Principal, reason: str) -> Approval:
    """Asks to leave the current step out. The same question again is the same approval.

    Raises Invalid without a reason, StepRequired for another step, RunNotOpen where it waits already, LeaseLost where
    another agent has it, Forbidden for an agent that it is not for.
    """
    return ask(run_id, step_id, Approval.Kind.SKIP, principal=principal, reason=reason)


def ask_deviation(run_id: UUID, step_id: str, *, principal: Principal, reason: str, proposal: str) -> Approval:
    """Asks to do ``proposal`` instead of the current step. Once approved, the step asks for that. Raises as above."""
    if not proposal.strip():
        raise Invalid("proposal", "Say what would be done instead: a person decides about it.")
    kind = Approval.Kind.DEVIATION
    return ask(run_id, step_id, kind, principal=principal, reason=reason, proposal=proposal)


def ask(
    run_id: UUID, step_id: str, kind: Approval.Kind, *, principal: Principal, reason: str, proposal: str = ""
) -> Approval:
    principal.require("write")
    if not reason.strip():
        raise Invalid("reason", "Say why: a person decides about it.")
    attempted = "skip" if kind == Approval.Kind.SKIP else "deviate"
    with noted(run_id, step_id, attempted, principal), holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        step = held.step(step_id)
        check_open(held)
        asked = asked_before(held, step, kind, proposal)
        if asked is not None:
            asked.run = held.run
            return asked
        check_askable(held, step, kind)
        return asking.ask(held, step, kind, reason=reason, proposal=proposal)


def asked_before(held: HeldRun, step: StepRun, kind: Approval.Kind, proposal: str) -> Approval | None:
    found = asking.pending(step) if step.status == Status.WAITING else None
    if found is None or found.asked_as != holder(held.principal):
        return None
    return found if (found.kind, found.proposal) == (kind, proposal) else None


def check_askable(held: HeldRun, step: StepRun, kind: Approval.Kind) -> None:
    check_current(held, step)
    check_agent(held, step)
    if kind == Approval.Kind.DEVIATION and held.run.undoing:
        raise Conflict("What is rolled back is not done otherwise. Ask to skip it, or do it.", code="rolling_back")
    if step.lease_expires_at is not None and step.lease_agent != holder(held.principal):
        raise LeaseLost(f"The step is with {step.lease_agent} now. Ask when it is free.", **where(held, step))
