"""Two versions of one truth: submitted, decided by a strategy or by people, undone.

``submit`` and ``propose`` bring changes in, ``preview``/``resolve``/``dismiss``/``undo`` decide about what waits,
``assign``/``snooze``/``hold``/``unhold`` organize the queue, ``create_found`` takes what a job found.
"""

from agents_app.services.conflicts.deciding import dismiss, preview, resolve
from agents_app.services.conflicts.results import AUTOMATIC, Decided, Place, Preview, Submitted
from agents_app.services.conflicts.submitting import propose, submit

__all__ = [
    "AUTOMATIC",
    "Decided",
    "Place",
    "Preview",
    "Submitted",
    "dismiss",
    "preview",
    "propose",
    "resolve",
    "submit",
]
