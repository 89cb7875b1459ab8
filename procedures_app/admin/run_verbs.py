"""What people do with a run: pause it, let it go on, cancel it."""

from __future__ import annotations

from memoryhub.access.admin.verbs import Call, Verb
from procedures_app.models import Run
from procedures_app.services import runs

Status = Run.Status


def pause(call: Call) -> str:
    runs.pause(call.object.pk, principal=call.principal, reason=call.reason)
    return "Paused: no agent gets a step of it until it is resumed."


def resume(call: Call) -> str:
    runs.resume(call.object.pk, principal=call.principal, reason=call.reason)
    return "The run goes on."


def cancel(call: Call) -> str:
    runs.cancel(call.object.pk, principal=call.principal, reason=call.reason)
    return "Cancelled. What was done stays done."


def is_open(run: Run) -> bool:
    return run.finished_at is None


def is_paused(run: Run) -> bool:
    return is_open(run) and run.status == Status.PAUSED


VERBS = (
    Verb("pause", "Pause", "No agent gets a step of this run until somebody resumes it. Who has a step now "
         "loses it, and takes it again afterwards.", pause, reason="required",
         available=lambda run: is_open(run) and not is_paused(run), icon="pause"),
    Verb("resume", "Resume", "Agents may go on with the run where it was paused.", resume, reason="optional",
         available=is_paused, icon="play_arrow"),
    Verb("cancel", "End the run", "It is cancelled where it stands, for good: nothing is rolled back, and the work "
         "that asked for it lacks a completed run.", cancel, reason="required", danger=True, available=is_open,
         icon="block"),
)  # fmt: skip
