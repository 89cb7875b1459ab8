"""Runs: one enforced execution of a procedure each. The state machine behind ``/memory/runs`` and the approvals."""

from procedures_app.services.runs.handing_in import complete, fail, release, renew
from procedures_app.services.runs.skipping import ask_deviation, ask_skip
from procedures_app.services.runs.starting import start
from procedures_app.services.runs.steering import cancel, pause, resume
from procedures_app.services.runs.taking import Next, next_step

__all__ = [
    "Next",
    "ask_deviation",
    "ask_skip",
    "cancel",
    "complete",
    "fail",
    "next_step",
    "pause",
    "release",
    "renew",
    "resume",
    "start",
]
