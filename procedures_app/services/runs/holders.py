"""Who has the step of a run, and what those get who do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memoryhub.access.exceptions import Forbidden
from procedures_app.exceptions import LeaseLost, RunNotOpen, StepRequired
from procedures_app.models import StepRun
from procedures_app.services.runs import asking, work
from procedures_app.services.runs.held import HeldRun, Status, holder

#: The first event of a run.
STARTED = "run.started"


def check_held(held: HeldRun, step: StepRun, lease: int) -> None:
    """Raises unless the caller has the step now, by that lease."""
    check_current(held, step, lease)
    check_agent(held, step)
    mine = step.lease_expires_at is not None and step.lease_agent == holder(held.principal)
    if not mine or step.lease_token != lease:
        raise LeaseLost(**where(held, step))


def check_current(held: HeldRun, step: StepRun, lease: int = 0) -> None:
    """Raises RunNotOpen, StepRequired; LeaseLost for a step that the caller once had."""
    check_open(held)
    current = held.current
    if current is None or current.pk != step.pk:
        if 0 < lease <= step.lease_token:
            raise LeaseLost(**where(held, current))
        raise StepRequired(refusal_text(current), attempted_step=step.step_id, **where(held, current))
    if step.status == Status.WAITING:
        approval = asking.pending(step)
        waits = {"approval_id": str(approval.pk)} if approval else {}
        raise RunNotOpen("This step waits for a person.", state="waiting", **waits, **where(held, step))


def check_open(held: HeldRun) -> None:
    """Raises RunNotOpen for a run that is over or paused, or that a run above holds up."""
    above: HeldRun | None = held
    while above is not None:
        if above.over or above.paused:
            status = above.run.status
            state = "over" if above.over else "paused"
            raise RunNotOpen(f"The run is {above.run.get_status_display().lower()}.", state=state, run_status=status)
        above = above.above


def check_agent(held: HeldRun, step: StepRun) -> None:
    """Raises Forbidden for an agent that the step is not for, or a step above whose run this is."""
    for agents in reserved(held, step):
        if held.principal.agent_id not in agents:
            raise Forbidden(f"This step is for: {', '.join(agents)}.", code="agent_not_allowed", agents=list(agents))


def is_for(held: HeldRun, step: StepRun) -> bool:
    return all(held.principal.agent_id in agents for agents in reserved(held, step))


def reserved(held: HeldRun, step: StepRun) -> Iterator[Sequence[str]]:
    """The agents of the step and of the steps above it, where they say any: the caller has to be among all."""
    one: HeldRun | None = held
    at: StepRun | None = step
    while one is not None and at is not None:
        if agents := work.of(one, at).agents:
            yield agents
        at = one.carried_out
        one = one.above


def refusal_text(current: StepRun | None) -> str:
    if current is None:
        return StepRequired.__doc__ or ""
    return (
        f"The step '{current.step_id}' comes first. Do it, or ask for approval to skip it with "
        f"steps/{current.step_id}/skip."
    )


def where(held: HeldRun, step: StepRun | None) -> dict[str, str]:
    """What every refusal says beside its reason."""
    return {"run_id": str(held.run.pk)} | ({"required_step": step.step_id} if step else {})
