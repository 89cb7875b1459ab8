"""A run in somebody's hands: its row is locked, and so are those of the runs above it, the topmost first.

Every change of a run goes through here. All runs of one tree take turns, because each turn begins with the lock of the
topmost; time is what the clock says once the locks are held, not when the transaction began.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.trips import Statement, together
from memoryhub.access.walls import behind_walls
from memoryhub.sync.services import outbox
from memoryhub.sync.services.outbox import Change
from procedures_app.exceptions import RunMoved
from procedures_app.models import Run, RunEvent, StepRun
from procedures_app.services.runs import rows
from sessions_app.models.reach import reaches

Status = StepRun.Status
OVER = frozenset({Run.Status.COMPLETED, Run.Status.FAILED, Run.Status.ROLLED_BACK, Run.Status.CANCELLED})
#: At most one step of a run is in one of these; the database sees to it.
CURRENT = frozenset({Status.READY, Status.IN_PROGRESS, Status.WAITING, Status.ROLLING_BACK})
#: What identities begin with that are not simply an agent's name.
PREFIXES = ("key:", "staff:", "agent:")
TOPIC, SOURCE = "run", "procedures"
CLOCK = "SELECT clock_timestamp()"


@dataclass
class HeldRun:
    """``above``: the run whose step this one carries out. ``family``: all that are held, from the topmost down."""

    run: Run
    steps: list[StepRun]
    now: datetime
    principal: Principal
    above: HeldRun | None
    family: list[HeldRun]
    puts: list[Statement] = field(default_factory=list)
    events: list[RunEvent] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    #: False where only something is noted that did not move the run: decisions made on sight of it stay good.
    moved: bool = True

    @property
    def over(self) -> bool:
        return self.run.status in OVER

    @property
    def paused(self) -> bool:
        return self.run.status == Run.Status.PAUSED

    @property
    def current(self) -> StepRun | None:
        return next((step for step in self.steps if step.status in CURRENT), None)

    @property
    def carried_out(self) -> StepRun | None:
        """The step of the run above that this run carries out."""
        if self.above is None:
            return None
        return next(step for step in self.above.steps if step.pk == self.run.parent_id)

    def step(self, step_id: str) -> StepRun:
        """Raises NotFound."""
        found = next((step for step in self.steps if step.step_id == step_id), None)
        if found is None:
            names = ", ".join(step.step_id for step in self.steps)
            raise NotFound(f"This run has no step '{step_id}'. Its steps are: {names}.")
        return found

    def context(self) -> dict[str, Any]:
        """What placeholders and preconditions may speak of."""
        given = {step.step_id: {"evidence": step.evidence, "output": step.output} for step in self.steps}
        return {"inputs": self.run.inputs, "steps": given}

    def put(self, step: StepRun, **fields: Any) -> None:
        """Changes a step; written at the end of the turn, if it stands as it was read."""
        self.puts.append(rows.step_change(step, fields))
        for name, value in fields.items():
            setattr(step, name, value)

    def change(self, **fields: Any) -> None:
        """Changes the run; written at the end of the turn."""
        for name, value in fields.items():
            setattr(self.run, name, value)
        self.changed |= fields.keys()

    def set_status(self, status: Run.Status) -> None:
        """Of a run that goes on. A paused one stays paused, and goes on so when it is resumed."""
        name = "resumes_as" if self.paused else "status"
        if getattr(self.run, name) != status:
            self.change(**{name: status})

    def note(self, event: str, step: StepRun | None = None, **detail: Any) -> None:
        """Adds the next event. ``detail`` is JSON."""
        self.change(event_count=self.run.event_count + 1)
        self.events.append(
            RunEvent(
                tenant_id=self.run.tenant_id,
                run=self.run,
                number=self.run.event_count,
                event=event,
                step_id=step.step_id if step else "",
                actor=self.principal.actor,
                detail={name: value for name, value in detail.items() if value not in (None, "")},
                at=self.now,
            )
        )

    def below(self, run_id: UUID) -> HeldRun:
        """A run that carries out a step of this one, locked too."""
        found = next((held for held in self.family if held.run.pk == run_id), None)
        return found or lock(run_id, self.principal, self)

    def write(self) -> None:
        """Writes what changed, as the run's next version, and announces it. Raises RunMoved."""
        written = together([*self.puts, *self.changes()])
        if any(count != 1 for count in written[: len(self.puts)]):
            raise RunMoved
        self.puts, self.changed, self.events = [], set(), []

    def changes(self) -> list[Statement]:
        if not self.changed:
            return []
        if self.moved:
            self.change(version=self.run.version + 1, updated_at=self.now)
        announced = [announcement(self.run)] if self.moved else []
        return [
            rows.run_change(self.run, sorted(self.changed)),
            *([rows.new_events(self.events)] if self.events else []),
            *outbox.announcements(announced, principal=self.principal),
        ]


def announcement(run: Run) -> Change:
    return Change(
        event_type=f"{TOPIC}.changed",
        object_id=run.pk,
        context_key=f"run:{run.pk}",
        version=run.version,
        source=SOURCE,
        payload={"run_id": str(run.pk)},
    )


def holder(principal: Principal) -> str:
    """Who acts: the agent, else the very credential. Names alone may be those of others.

    An agent whose name looks like a credential is no credential.
    """
    if principal.agent_id:
        return f"agent:{principal.agent_id}" if principal.agent_id.startswith(PREFIXES) else principal.agent_id
    if principal.key_id:
        return f"key:{principal.key_id}"
    return principal.name if principal.kind == "system" else f"{principal.kind}:{principal.name}"


@contextmanager
def holding(run_id: UUID, *, principal: Principal) -> Iterator[HeldRun]:
    """One turn: a transaction in which the run is locked, written at its end. Raises NotFound."""
    with behind_walls(principal):
        held = usual(run_id, principal) or any_other(run_id, principal)
        with behind_walls(held.principal):
            yield held
            for one in held.family:
                one.write()


def usual(run_id: UUID, principal: Principal) -> HeldRun | None:
    """A run of the caller's tenant that stands below no other, locked as it is looked for; None for any other."""
    found = rows.locked(run_id, topmost=True) if principal.tenant_id else None
    if found is None or not reaches(principal, found[0].tenant_id, found[0].user_id, found[0].session_id):
        return None
    return held_from(*found, principal, None)


def any_other(run_id: UUID, principal: Principal) -> HeldRun:
    """Raises NotFound."""
    found = Run.objects.visible_to(principal).filter(pk=run_id).values_list("tenant_id", "parent_id").first()
    if found is None:
        raise NotFound("There is no run of that id that you may see.")
    tenant_id, parent_id = found
    caller = principal.within(tenant_id)
    with behind_walls(caller):
        return lock(run_id, caller, lock_above(parent_id, caller) if parent_id else None)


def lock_above(parent_id: UUID, principal: Principal) -> HeldRun:
    """The run of a step, after the runs above it: parents never change, so they are read before the lock."""
    run_id, grandparent_id = StepRun.objects.filter(pk=parent_id).values_list("run_id", "run__parent_id").get()
    above = lock_above(grandparent_id, principal) if grandparent_id else None
    return lock(run_id, principal, above)


def lock(run_id: UUID, principal: Principal, above: HeldRun | None) -> HeldRun:
    found = rows.locked(run_id)
    if found is None:
        raise Run.DoesNotExist
    return held_from(*found, principal, above)


def held_from(
    run: Run, steps: list[StepRun], now: datetime | None, principal: Principal, above: HeldRun | None
) -> HeldRun:
    run.at_hand = steps
    held = HeldRun(run, steps, now or clock_time(), principal, above, above.family if above else [])
    held.family.append(held)
    return held


def clock_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(CLOCK)
        now: datetime = cursor.fetchone()[0]
        return now
