"""Is this error a known problem, and is this task like one done before? Pure: no database, no Django, no LLM.

A logistic model over what two masked texts share, fitted on labelled error texts and calibrated for what a search
gives: a few candidates, most of which are another problem.
"""

from procedures_app.matching.ranking import Known, Matched, rank
from procedures_app.matching.tasks import task_likeness

__all__ = ["Known", "Matched", "rank", "task_likeness"]
