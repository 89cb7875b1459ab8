"""Two versions of one truth: submitted, decided by a strategy or by people, undone.

``submit`` and ``propose`` bring changes in, ``preview``/``resolve``/``dismiss``/``undo`` decide about what waits,
``assign``/``snooze``/``hold``/``unhold`` organize the queue, ``create_found`` takes what a job found.
"""

from agents_app.services.conflicts.bulk import BulkOutcome, Foreseen, Seen, preview_many, resolve_many
from agents_app.services.conflicts.deciding import dismiss, preview, read, resolve
from agents_app.services.conflicts.desk import assign, hold, snooze, unhold
from agents_app.services.conflicts.findings import create_found
from agents_app.services.conflicts.results import AUTOMATIC, Decided, Place, Preview, Submitted
from agents_app.services.conflicts.submitting import propose, submit
from agents_app.services.conflicts.undoing import undo

__all__ = [
    "AUTOMATIC",
    "BulkOutcome",
    "Decided",
    "Foreseen",
    "Place",
    "Preview",
    "Seen",
    "Submitted",
    "assign",
    "create_found",
    "dismiss",
    "hold",
    "preview",
    "preview_many",
    "propose",
    "read",
    "resolve",
    "resolve_many",
    "snooze",
    "submit",
    "undo",
    "unhold",
]
