"""What the page of one approval shows: who asks, why, what it breaks, how the run came there, and the choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from procedures_app.admin import run_page
from procedures_app.models import Approval, ProcedureStep, Run

Kind = Approval.Kind
#: The latest events of the run that are shown.
EVENTS = 6


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. ``value`` is what is sent; ``does`` completes "this key will …"; a ``bare`` one needs no reason."""

    value: str
    label: str
    key: str
    does: str
    primary: bool = False
    danger: bool = False
    bare: bool = False


APPROVE = {
    Kind.CONFIRMATION: Choice("approve", "Confirm", "a", "confirm the step", primary=True, bare=True),
    Kind.SKIP: Choice("approve", "Let it be skipped", "a", "let the step be skipped", primary=True),
    Kind.DEVIATION: Choice("approve", "Let it be done so", "a", "let the step be done as proposed", primary=True),
}
REFUSE = {
    Kind.CONFIRMATION: Choice("refuse", "Refuse", "r", "refuse: the step fails", danger=True),
    Kind.SKIP: Choice("refuse", "Refuse", "r", "refuse: the step has to be done", danger=True),
    Kind.DEVIATION: Choice("refuse", "Refuse", "r", "refuse: the step has to be done as written", danger=True),
}
ESCALATED = {
    "retry": Choice("retry", "Try again", "r", "let the step be tried again", primary=True),
    "skip": Choice("skip", "Skip the step", "s", "go on without the step"),
    "roll_back": Choice("roll_back", "Roll back", "b", "undo what was done, and end the run", danger=True),
    "fail": Choice("fail", "End as failed", "f", "end the run as failed; nothing is undone", danger=True),
}
#: Reasons that need one press, for what people say most often.
QUICK = {
    Kind.CONFIRMATION: ("Checked, it is right", "Not ready yet", "This is wrong"),
    Kind.SKIP: ("Not needed this time", "Done already", "It must not be skipped"),
    Kind.DEVIATION: ("As good as what is written", "Agreed with the team", "Do it as written"),
    Kind.ESCALATION: ("The cause is removed", "It can be done later", "It cannot be helped"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Impact:
    """What lacks where the step is left out, or done otherwise."""

    evidence: list[Evidence]
    later: list[ProcedureStep]

    @property
    def nothing(self) -> bool:
        return not self.evidence and not self.later


def choices_of(approval: Approval) -> list[Choice]:
    kind = Kind(approval.kind)
    if kind == Kind.ESCALATION:
        offered = approval.impact.get("decisions", list(ESCALATED))
        return [choice for name, choice in reversed(ESCALATED.items()) if name in offered]
    return [REFUSE[kind], APPROVE[kind]]


def impact_of(approval: Approval) -> Impact:
    """What the run wrote down when it asked, with the words of the procedure."""
    written = approval.step_run.definition
    fields = {field["name"]: field for field in written.evidence}
    names = [str(name) for name in approval.impact.get("evidence", [])]
    later = approval.impact.get("later_steps", [])
    return Impact(
        evidence=[Evidence(name, says(fields.get(name, {}))) for name in names],
        later=list(ProcedureStep.objects.filter(version=written.version_id, step_id__in=later).order_by("position")),
    )


def says(field: dict[str, Any]) -> str:
    return str(field.get("description") or field.get("type") or "")


def context(approval: Approval, run: Run) -> dict[str, Any]:
    """For ``procedures/approval_parts.html``."""
    shown = run_page.shown(run)
    row = next(row for row in shown.rows if row.step.pk == approval.step_run_id)
    return {
        "approval": approval,
        "run": run,
        "step": row.step,
        "row": row,
        "shown": shown,
        "events": shown.events[-EVENTS:],
        "impact": impact_of(approval),
        "choices": choices_of(approval),
        "quick_reasons": QUICK[Kind(approval.kind)],
        "pending": approval.status == Approval.Status.PENDING,
        "overdue": bool(approval.expires_at and approval.expires_at < timezone.now()),
    }
