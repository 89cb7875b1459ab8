"""One failure stops no other, and the jobs are there to be run."""

from __future__ import annotations

from uuid import uuid4

import pytest

from memoryhub.access.exceptions import Conflict
from memoryhub.access.principals import system_principal
from memoryhub.sync.services import job_runs
from sessions_app.services.sweeping import one_by_one


def test_a_failure_is_counted_and_logged_and_the_rest_goes_on(caplog):
    broken, fine, already = uuid4(), uuid4(), uuid4()

    def work(id_, principal) -> bool:
        assert principal.tenant_id == "acme"
        if id_ == broken:
            raise Conflict("stuck")
        return bool(id_ == fine)

    found = [(broken, "acme"), (already, "acme"), (fine, "acme")]
    assert one_by_one(found, work, system_principal("job")) == {"done": 1, "failed": 1}
    assert str(broken) in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize("job", ["session_expiry", "handoff_timeouts", "snapshot_expiry"])
def test_the_jobs_run(job, as_role):
    with as_role("memoryhub_system"):
        run = job_runs.run(job, now=True)
    assert run is not None
    assert run.outcome == "done"
