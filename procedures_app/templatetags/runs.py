"""Template filters of the pages of runs and approvals."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django import template

from memoryhub.access import texts

register = template.Library()

#: What a state looks like: class of its label, and an icon beside the word.
LOOKS = {
    "running": ("hub-held", "play_arrow"),
    "waiting": ("hub-archived", "front_hand"),
    "paused": ("hub-archived", "pause"),
    "rolling_back": ("hub-archived", "undo"),
    "completed": ("hub-good", "check"),
    "failed": ("hub-bad", "close"),
    "rolled_back": ("hub-bad", "undo"),
    "cancelled": ("", "block"),
    "pending": ("", "hourglass_empty"),
    "ready": ("", "radio_button_unchecked"),
    "in_progress": ("hub-held", "play_arrow"),
    "done": ("hub-good", "check"),
    "skipped": ("hub-archived", "skip_next"),
    "replaced": ("hub-archived", "swap_horiz"),
    "not_applicable": ("", "remove"),
    "approved": ("hub-good", "check"),
    "refused": ("hub-bad", "close"),
    "expired": ("", "timer_off"),
    "withdrawn": ("", "block"),
}
#: Pending is a state of steps and of approvals, and looks otherwise for these.
QUESTION = ("hub-archived", "front_hand")
KIND_ICONS = {
    "instruction": "article",
    "confirmation": "front_hand",
    "http": "http",
    "memory": "database",
    "procedure": "checklist",
    "skip": "skip_next",
    "deviation": "alt_route",
    "escalation": "report",
}
EVENTS = {
    "run.started": "The run began",
    "run.completed": "The run is completed",
    "run.failed": "The run failed",
    "run.cancelled": "The run was cancelled",
    "run.paused": "The run was paused",
    "run.resumed": "The run goes on",
    "run.rolling_back": "Rolling back began",
    "run.rolled_back": "Everything is rolled back",
    "step.taken": "Taken",
    "step.done": "Done",
    "step.failed": "Failed",
    "step.late": "Late: its time limit has passed",
    "step.lapsed": "Its lease ended without a result",
    "step.released": "Given back",
    "step.renewed": "Its lease was renewed",
    "step.refused": "Something out of order was refused",
    "step.skipped": "Skipped",
    "step.replaced": "Done otherwise",
    "step.delegated": "Carried out by a run of another procedure",
    "step.answered": "Answered",
    "step.not_applicable": "Does not apply",
    "step.rolled_back": "Rolled back",
    "step.not_rolled_back": "Could not be rolled back",
    "approval.asked": "A person was asked",
    "approval.approved": "Approved",
    "approval.refused": "Refused",
    "approval.expired": "The question lapsed unanswered",
    "approval.withdrawn": "The question was withdrawn",
    "approval.overdue": "The question waits for too long",
}
#: What events keep for machines, or what stands beside them anyway.
UNSAID = ("approval", "lease", "run", "context", "agent", "procedure")
BAD = ("failed", "late", "lapsed", "refused", "not_rolled_back", "cancelled", "overdue", "expired")


@register.inclusion_tag("procedures/state.html")
def state(status: str, words: str, question: bool = False) -> dict[str, str]:
    """A state in words, with a color and an icon; ``question``: of an approval."""
    color, icon = QUESTION if question and status == "pending" else LOOKS.get(status, ("", "circle"))
    return {"color": color, "icon": icon, "words": words}


@register.filter
def kind_icon(kind: str) -> str:
    return KIND_ICONS.get(kind, "article")


@register.filter
def event_words(event: str) -> str:
    said = event.replace(".", ": ").replace("_", " ")
    return EVENTS.get(event, said[:1].upper() + said[1:])


@register.filter
def is_bad(event: str) -> bool:
    return event.partition(".")[2] in BAD


@register.filter
def took(span: timedelta | None) -> str:
    """``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``4 days``; a dash for nothing."""
    return texts.NOTHING if span is None else in_words(int(span.total_seconds()))


def in_words(seconds: int) -> str:
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if seconds < 60:
        return f"{max(0, seconds)} s"
    if minutes < 60:
        return joined(minutes, "min", seconds % 60, "s")
    if hours < 48:
        return joined(hours, "h", minutes % 60, "min")
    return f"{days} days"


def joined(big: int, unit: str, small: int, smaller: str) -> str:
    return f"{big} {unit} {small} {smaller}" if small else f"{big} {unit}"


@register.filter
def said_of(detail: Any) -> list[tuple[str, Any]]:
    """What an event says beside its name, as pairs; ids are for machines."""
    if not isinstance(detail, dict):
        return []
    said = {name: value for name, value in detail.items() if name not in UNSAID and value != ""}
    if said.get("attempt") == 1:
        del said["attempt"]
    return [(name.replace("_", " "), value) for name, value in said.items()]


#: Kinds of approvals, as short as a queue needs them.
KIND_WORDS = {"confirmation": "Confirm", "skip": "Skip", "deviation": "Do otherwise", "escalation": "Failed"}
DECISION_WORDS = {"retry": "try again", "skip": "skip the step", "roll_back": "roll back", "fail": "end as failed"}
#: Preconditions that the agent confirmed: true in every run.
CONFIRMED = re.compile(r"confirm_\d+")


@register.filter
def kind_word(kind: str) -> str:
    return KIND_WORDS.get(kind, kind)


@register.filter
def decision_word(decision: str) -> str:
    return DECISION_WORDS.get(decision, decision)


@register.filter
def inputs_line(inputs: Any) -> str:
    """What a run was given, on one line: what tells runs of one procedure apart."""
    if not isinstance(inputs, dict):
        return ""
    return ", ".join(said_input(name, value) for name, value in inputs.items() if not CONFIRMED.fullmatch(name))


def said_input(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"{name}: {'yes' if value else 'no'}"
    return value if isinstance(value, str) else f"{name}: {value}"
