"""What a step asks for as it stands: as it is written, as a person approved it otherwise, or its roll-back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from procedures_app.documents import fields, placeholders, preconditions
from procedures_app.models import OnFailure, StepKind, StepRun
from procedures_app.services.runs.held import HeldRun

#: Stands for what a placeholder names and the run does not have.
UNKNOWN = "(not given)"
AUTOMATIC = (StepKind.HTTP, StepKind.MEMORY, StepKind.PROCEDURE)


@dataclass(frozen=True, slots=True)
class Work:
    """``fields``: what has to be handed in. ``by_hub``: nobody takes it, the hub carries it out."""

    kind: str
    title: str
    instruction: str
    fields: Sequence[dict[str, Any]]
    config: dict[str, Any]
    agents: Sequence[str]
    max_attempts: int
    on_failure: str
    undoing: bool = False

    @property
    def by_hub(self) -> bool:
        return self.kind in AUTOMATIC


def of(held: HeldRun, step: StepRun) -> Work:
    if held.run.undoing:
        return rolling_back(step)
    return otherwise(step) if step.proposal else as_written(step)


def as_written(step: StepRun) -> Work:
    """An automatic step whose result is there, and that still needs evidence, is an agent's."""
    written = step.definition
    return Work(
        kind=StepKind.INSTRUCTION if recorded(step) else written.kind,
        title=written.title,
        instruction=written.instruction,
        fields=open_fields(step),
        config=written.config,
        agents=written.agents,
        max_attempts=written.max_attempts,
        on_failure=written.on_failure,
    )


def required_fields(step: StepRun) -> list[dict[str, Any]]:
    """Evidence as it is written, and a confirmation of every precondition that the hub cannot check."""
    written = step.definition
    return [*written.evidence, *preconditions.confirmations(written.preconditions)]


def recorded(step: StepRun) -> bool:
    """Whether the hub carried the step out already: what it found stands, whoever hands in the rest."""
    return step.definition.kind in AUTOMATIC and step.output is not None and not step.proposal


def open_fields(step: StepRun) -> list[dict[str, Any]]:
    """Evidence that is an agent's to give: not what the hub found."""
    found = (step.output or {}) if recorded(step) else {}
    return [one for one in required_fields(step) if one["name"] not in found]


def otherwise(step: StepRun) -> Work:
    written = step.definition
    return Work(
        kind=StepKind.INSTRUCTION,
        title=written.title,
        instruction=step.proposal,
        fields=[],
        config={},
        agents=written.agents,
        max_attempts=written.max_attempts,
        on_failure=written.on_failure,
    )


def rolling_back(step: StepRun) -> Work:
    """A procedure that does not say how is undone by the run that carried it out."""
    written, undo = step.definition, step.definition.rollback or {}
    by_child = written.kind == StepKind.PROCEDURE and not undo
    return Work(
        kind=StepKind.PROCEDURE if by_child else undo.get("kind", StepKind.INSTRUCTION),
        title=undo.get("title") or f"Roll back: {written.title}",
        instruction=undo.get("instruction", ""),
        fields=[],
        config=undo,
        agents=written.agents,
        max_attempts=written.max_attempts,
        on_failure=OnFailure.ESCALATE,
        undoing=True,
    )


def instruction(held: HeldRun, step: StepRun) -> str:
    """The words of a step with its placeholders filled in."""
    return str(placeholders.fill(of(held, step).instruction, held.context(), missing=UNKNOWN))


def handed_in(wanted: Sequence[dict[str, Any]], given: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The evidence in its form, and what is wrong with it, by field."""
    cleaned, errors = fields.check(wanted, given)
    return cleaned, [{"field": f"evidence.{name}", "message": message} for name, message in errors]


def unmet(held: HeldRun, step: StepRun) -> dict[str, Any] | None:
    """The first precondition that does not hold; those without a check the agent confirms with its evidence."""
    context = held.context()
    checked = [one for one in step.definition.preconditions if one.get("check")]
    return next((one for one in checked if not preconditions.holds(one, context)), None)
