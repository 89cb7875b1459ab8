"""What the page of a run shows: its head, a row for each step, what happened, what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from procedures_app.models import Approval, Run, RunEvent, StepRun

#: Events shown; earlier ones stand in the list of run events.
MOST_EVENTS = 200
MOST_CHILDREN = 200
Step = StepRun.Status
FINISHED = (Step.DONE, Step.SKIPPED, Step.REPLACED, Step.NOT_APPLICABLE, Step.ROLLED_BACK)
CURRENT = (Step.READY, Step.IN_PROGRESS, Step.WAITING, Step.ROLLING_BACK)


@dataclass(frozen=True, slots=True)
class StepRow:
    """``lasted`` so far, while it is in progress. ``lacking``: required evidence that was not handed in."""

    step: StepRun
    lasted: timedelta | None
    held: bool
    lease_ended: bool
    evidence: list[tuple[str, Any]]
    lacking: list[str]
    children: Sequence[Run]
    current: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything for ``procedures/run_parts.html``."""

    run: Run
    rows: list[StepRow]
    events: list[RunEvent]
    earlier: int
    approvals: list[Approval]
    lasted: timedelta
    finished: int
    current: StepRun | None
    parent: Run | None

    @property
    def state(self) -> str:
        return state_of(self.run)

    @property
    def is_over(self) -> bool:
        return self.run.finished_at is not None

    @property
    def says(self) -> str:
        """One sentence for who cannot see the page change."""
        if self.is_over:
            return f"The run is over: {self.run.get_status_display().lower()}."
        at = self.current
        state = str(self.run.get_status_display())
        if at is None:
            return f"{state}."
        step = f"Step {at.position} of {len(self.rows)}, {at.definition.title}"
        return f"{state}. {step}: {at.get_status_display().lower()}."


def state_of(run: Run) -> str:
    """Differs when anything of the run has changed; refusals are events that leave its version as it is."""
    return f"{run.version}.{run.event_count}"


def shown(run: Run) -> Shown:
    """Reads the run's rows; six statements whatever its length."""
    now = timezone.now()
    steps = list(run.steps.select_related("definition").order_by("position"))
    children = children_of(run)
    newest = list(run.events.order_by("-number")[:MOST_EVENTS])
    rows = [row_of(step, children.get(step.pk, ()), now) for step in steps]
    pending = run.approvals.filter(status=Approval.Status.PENDING)
    return Shown(
        run=run,
        rows=rows,
        events=newest[::-1],
        earlier=max(0, newest[-1].number - 1) if newest else 0,
        approvals=list(pending.select_related("step_run__definition", "assignee")),
        lasted=(run.finished_at or now) - run.started_at,
        finished=sum(step.status in FINISHED for step in steps),
        current=next((step for step in steps if step.status in CURRENT), None),
        parent=run.parent.run if run.parent else None,
    )


def children_of(run: Run) -> Mapping[UUID, list[Run]]:
    found: dict[UUID, list[Run]] = {}
    children = Run.objects.filter(parent__run=run).select_related("procedure").order_by("started_at")
    for child in children[:MOST_CHILDREN]:
        assert child.parent_id is not None
        found.setdefault(child.parent_id, []).append(child)
    return found


def row_of(step: StepRun, children: Sequence[Run], now: datetime) -> StepRow:
    working = step.status in (Step.IN_PROGRESS, Step.ROLLING_BACK)
    return StepRow(
        step=step,
        lasted=(step.finished_at or now) - step.started_at if step.started_at else None,
        held=working and bool(step.lease_expires_at and step.lease_expires_at > now),
        lease_ended=working and bool(step.lease_expires_at and step.lease_expires_at <= now),
        evidence=list(step.evidence.items()) if isinstance(step.evidence, dict) else [],
        lacking=[] if step.status in (Step.PENDING, Step.NOT_APPLICABLE) else lacking(step),
        children=children,
        current=step.status in CURRENT,
    )


def lacking(step: StepRun) -> list[str]:
    """Names of required evidence that is not there."""
    given = step.evidence if isinstance(step.evidence, dict) else {}
    wanted = [field for field in step.definition.evidence if field.get("required", True)]
    return [str(field["name"]) for field in wanted if field["name"] not in given]
