"""The next step of a run: taken by an agent for a while, or carried out at once where it is a memory action."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from memoryhub.access.deadlocks import once_more
from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from procedures_app.models import Approval, Run, StepKind, StepRun
from procedures_app.services.runs import asking, lapsing, moving, work
from procedures_app.services.runs.children import child_of
from procedures_app.services.runs.held import HeldRun, Status, holder, holding
from procedures_app.services.runs.holders import is_for
from procedures_app.services.runs.remembering import remember

#: How soon to ask again where nothing says when: somebody else is at it, or the hub is.
ASK_AGAIN_SECONDS, CALL_SECONDS = 5.0, 1.0


@dataclass(frozen=True, slots=True)
class Next:
    """What to do now. ``state``: ``step`` (it is yours until ``lease_expires_at``), ``busy`` (somebody else has it, or
    the hub carries it out: ask again after ``retry_after`` seconds), ``waiting`` (for a person: ``approval``),
    ``paused``, ``over``. ``run`` is the run whose step it is: for a sub-procedure, its own run.
    """

    state: str
    run: Run
    step: StepRun | None = None
    todo: work.Work | None = None
    instruction: str = ""
    lease_token: int | None = None
    lease_expires_at: datetime | None = None
    approval: Approval | None = None
    retry_after: float | None = None


def next_step(run_id: UUID, *, principal: Principal, lease_seconds: int | None = None) -> Next:
    """Takes the current step for ``lease_seconds`` (``procedures.lease_seconds``).

    Whoever has it already keeps it, with the time starting anew. Needs ``write``. Raises NotFound, Invalid.
    """
    principal.require("write")
    seconds = duration(lease_seconds)
    return once_more(lambda: turn(run_id, principal, seconds))  # memory actions lock what other runs remember too


def turn(run_id: UUID, principal: Principal, seconds: int) -> Next:
    with holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        return take(held, seconds)


def duration(seconds: int | None) -> int:
    """Checked. Raises Invalid."""
    rules = settings.CONFIG.procedures
    if seconds is None:
        return int(rules.lease_seconds)
    if not 1 <= seconds <= rules.lease_max_seconds:
        raise Invalid("lease_seconds", f"A step is yours for 1 to {rules.lease_max_seconds} seconds.")
    return seconds


def take(held: HeldRun, seconds: int) -> Next:
    carry_on(held)
    step = held.current
    if held.over or step is None:
        return Next("over", held.run)
    if (stop := stopped(held)) is not None:
        return stop
    todo = work.of(held, step)
    if todo.kind == StepKind.PROCEDURE:
        return below(held, step, seconds)
    if not lapsing.due(held, step):
        return Next("busy", held.run, step, todo, retry_after=seconds_until(held, step.next_attempt_at))
    if not may_take(held, step, todo):
        return Next("busy", held.run, step, todo, retry_after=pause_of(held, step, todo))
    return taken(held, step, todo, seconds)


def carry_on(held: HeldRun) -> None:
    """Carries out the memory actions that come now, as the calling agent."""
    while (step := held.current) is not None and stopped(held) is None and is_action(held, step):
        moving.begun(held, step)
        remember(held, step)


def is_action(held: HeldRun, step: StepRun) -> bool:
    todo = work.of(held, step)
    return todo.kind == StepKind.MEMORY and is_for(held, step) and lapsing.due(held, step)


def stopped(held: HeldRun) -> Next | None:
    """Why the run gives no step now."""
    if held.paused:
        return Next("paused", held.run)
    step = held.current
    if step is not None and step.status == Status.WAITING:
        return Next("waiting", held.run, step, work.of(held, step), approval=asking.pending(step))
    if held.above is not None:
        return stopped(held.above)
    return None


def below(held: HeldRun, step: StepRun, seconds: int) -> Next:
    """The step of the run that carries this one out, which is started where there is none."""
    if not lapsing.due(held, step):
        return Next("busy", held.run, step, work.of(held, step), retry_after=seconds_until(held, step.next_attempt_at))
    if not is_for(held, step):
        return Next("busy", held.run, step, work.of(held, step), retry_after=ASK_AGAIN_SECONDS)
    child = child_of(held, step)
    if child is None:  # it could not be started: the step failed
        return take(held, seconds)
    lapsing.settle(child)
    found = take(child, seconds)
    return take(held, seconds) if child.over and held.current is not step else found


def may_take(held: HeldRun, step: StepRun, todo: work.Work) -> bool:
    if todo.by_hub or not is_for(held, step):
        return False
    return step.lease_expires_at is None or step.lease_agent == holder(held.principal)


def pause_of(held: HeldRun, step: StepRun, todo: work.Work) -> float:
    if todo.kind == StepKind.HTTP:
        return CALL_SECONDS
    left = seconds_until(held, step.lease_expires_at) if step.lease_expires_at else ASK_AGAIN_SECONDS
    return min(left, ASK_AGAIN_SECONDS)


def seconds_until(held: HeldRun, at: datetime | None) -> float:
    return max(math.ceil((at - held.now).total_seconds()), 1) if at else ASK_AGAIN_SECONDS


def taken(held: HeldRun, step: StepRun, todo: work.Work, seconds: int) -> Next:
    ends = held.now + timedelta(seconds=seconds)
    if step.lease_expires_at is None:
        lease(held, step, holder(held.principal), ends)
    else:
        held.put(step, lease_expires_at=ends)
    return Next("step", held.run, step, todo, work.instruction(held, step), step.lease_token, ends)


def lease(held: HeldRun, step: StepRun, agent: str, ends: datetime) -> None:
    """Gives the step to one agent, under the next number."""
    status = Status.ROLLING_BACK if held.run.undoing else Status.IN_PROGRESS
    given = {"lease_agent": agent, "lease_token": step.lease_token + 1, "lease_expires_at": ends}
    moving.begun(held, step, status=status, **given)
    held.note("step.taken", step, attempt=step.attempts, lease=step.lease_token, agent=agent)
