"""The job of runs: what it looks at, what it leaves, and how long it takes."""

from __future__ import annotations

from uuid import UUID

import pytest

from procedures_app.services import runs
from procedures_app.services.runs import upkeep
from tests.procedures_app.following import ADA, HUB, decide, do, flag, pass_time, started, statuses, take, upkeep_now

pytestmark = pytest.mark.usefixtures("tenant")
CONFIRM = {"id": "agree", "kind": "confirmation", "on_failure": "retry", "max_attempts": 3}


def refused_once(**fields: object) -> UUID:
    """A run whose confirmation was refused, and whose pause before the next attempt is over."""
    run_id = started(CONFIRM | fields)
    do(run_id)
    decide(run_id, approve=False)
    pass_time(10)
    return run_id


def overdue() -> list[UUID]:
    return [run_id for _, run_id in upkeep.overdue_runs(principal=HUB, limit=100)]


def test_a_confirmation_that_asks_for_evidence_again_is_an_agents():
    run_id = refused_once(evidence=[flag()])
    assert overdue() == []
    assert take(run_id).step


def test_another_question_about_a_confirmation_is_not_late():
    run_id = started(CONFIRM | {"evidence": [flag()], "time_limit_seconds": 60})
    take(run_id)
    runs.ask_skip(run_id, "agree", principal=ADA, reason="So.")
    pass_time(61)
    assert overdue() == []


def test_runs_that_nothing_changes_hold_up_no_others():
    still = [refused_once(preconditions=[{"text": "The moon is full."}]) for _ in range(2)]
    lapsing = started({"id": "ship"})
    take(lapsing)
    pass_time(1000)
    assert overdue() == [*still, lapsing]
    assert upkeep.work(principal=HUB, limit=1) == {"settled": 1, "failed": 0, "called": 0}
    assert statuses(lapsing) == ["ready"]
    assert upkeep_now() == {"settled": 0, "failed": 0, "called": 0}


def test_runs_that_are_over_are_not_looked_at():
    run_id = started({"id": "ship", "time_limit_seconds": 60}, {"id": "tell"})
    take(run_id)
    pass_time(1000)
    assert overdue() == [run_id]
    runs.cancel(run_id, principal=ADA, reason="So.")
    assert overdue() == []
