"""Jobs: one run at a time, each on record, whatever the queue does."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_q.models import Schedule

from memoryhub.access.exceptions import NotFound
from memoryhub.sync import jobs, tasks
from memoryhub.sync.models import Heartbeat, JobRun
from memoryhub.sync.services import job_runs, schedules
from tests.conftest import role

pytestmark = pytest.mark.django_db

calls: list[int] = []
answers: list[jobs.Did | BaseException] = []


def work(*, principal, limit):
    assert principal.kind == "system"
    calls.append(limit)
    answer = answers.pop(0) if answers else 0
    if isinstance(answer, BaseException):
        raise answer
    return answer


@pytest.fixture(autouse=True)
def job():
    declared = jobs.Job("chore", f"{__name__}.work", 10, "For tests.", limit=3)
    jobs.register(declared)
    calls.clear()
    answers.clear()
    yield declared
    jobs.unregister("chore")


def later(minutes: float) -> None:
    """As if so much time had gone by since the runs so far."""
    for run in JobRun.objects.all():
        JobRun.objects.filter(pk=run.pk).update(started_at=run.started_at - timedelta(minutes=minutes))


def test_a_wrong_path_fails_where_it_is_declared():
    with pytest.raises(ImportError):
        jobs.register(jobs.Job("typo", f"{__name__}.wrok", 1, ""))
    assert jobs.get("typo") is None


def test_a_run_is_on_record_with_what_it_did():
    answers[:] = [3, {"purged": 2, "kept": 1}]
    run = job_runs.run("chore")
    assert run is not None
    stored = JobRun.objects.get()
    assert (stored.job, stored.outcome, stored.did) == ("chore", "done", {"handled": 3, "purged": 2, "kept": 1})
    assert stored.finished_at is not None
    assert stored.finished_at >= stored.started_at


def test_it_goes_on_in_slices_until_little_is_left():
    answers[:] = [3, 3, 2, 99]
    job_runs.run("chore")
    assert calls == [3, 3, 3]


def test_a_run_ends_after_its_time_and_the_next_one_goes_on(monkeypatch):
    monkeypatch.setattr(job_runs, "RUN_SECONDS", -1.0)
    answers[:] = [3, 3]
    job_runs.run("chore")
    assert calls == [3]


def test_a_failure_is_on_record_and_does_not_reach_the_queue():
    answers[:] = [3, ValueError("broken")]
    assert tasks.run_job("chore") == "{'handled': 3}"
    run = JobRun.objects.get()
    assert (run.outcome, run.error, run.did) == ("failed", "ValueError: broken", {"handled": 3})


def test_the_time_out_of_the_cluster_is_recorded_and_passed_on():
    answers[:] = [SystemExit("time is up")]
    with pytest.raises(SystemExit):
        job_runs.run("chore")
    assert JobRun.objects.get().outcome == "failed"


def test_a_bell_that_rings_twice_runs_it_once():
    assert job_runs.run("chore")
    assert job_runs.run("chore") is None
    assert tasks.run_job("chore") == "not due"
    later(minutes=9)
    assert job_runs.run("chore")
    assert len(calls) == 2


def test_now_means_now():
    job_runs.run("chore")
    call_command("run_job", "chore")
    assert len(calls) == 2


def test_a_run_whose_process_was_killed_is_noted_by_the_next():
    JobRun.objects.create(job="chore")
    later(minutes=10)
    job_runs.run("chore")
    assert list(JobRun.objects.order_by("id").values_list("outcome", flat=True)) == ["lost", "done"]


def test_a_job_that_kills_its_process_is_tried_more_and_more_rarely():
    for _ in range(3):
        later(minutes=10)
        JobRun.objects.create(job="chore")
    later(minutes=59)
    assert job_runs.run("chore") is None
    assert JobRun.objects.filter(outcome="lost").count() == 3
    later(minutes=2)
    assert job_runs.run("chore")


def test_an_unknown_job_names_the_known():
    with pytest.raises(NotFound, match="chore"):
        job_runs.run("nonsense")
    with pytest.raises(CommandError, match="chore"):
        call_command("run_job", "nonsense")


def test_a_failed_run_fails_the_command():
    answers[:] = [ValueError("broken")]
    with pytest.raises(CommandError, match="broken"):
        call_command("run_job", "chore")


# -- schedules -----------------------------------------------------------------------------------------


def test_declaring_makes_a_schedule_per_job_and_repeating_it_changes_nothing():
    assert set(schedules.declare()) == {job.name for job in jobs.every()}
    row = Schedule.objects.get(name="chore")
    assert (row.func, row.args, row.minutes, row.repeats) == ("memoryhub.sync.tasks.run_job", "('chore',)", 10, -1)
    soon = timezone.now() + timedelta(minutes=7)
    Schedule.objects.update(next_run=soon)
    assert schedules.declare() == []
    assert set(Schedule.objects.values_list("next_run", flat=True)) == {soon}


def test_what_is_not_declared_goes_and_what_was_broken_is_mended():
    schedules.declare()
    Schedule.objects.create(name="stranger", func="os.system", args="'((broken'")
    Schedule.objects.create(name="chore", func="os.system")
    Schedule.objects.filter(name="heartbeat").update(args="('heartbeat'")
    assert set(schedules.declare()) == {"stranger", "chore", "heartbeat"}
    assert sorted(Schedule.objects.values_list("name", flat=True)) == [job.name for job in jobs.every()]
    assert Schedule.objects.get(name="heartbeat").args == "('heartbeat',)"


def test_schedules_are_healed_when_the_jobs_are_silent():
    call_command("run_job", "heartbeat")
    assert schedules.heal() == []
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert schedules.heal() != []


def test_the_heartbeat_job_beats():
    call_command("run_job", "heartbeat")
    assert Heartbeat.objects.get().name == "jobs"


@pytest.mark.django_db(transaction=True)
def test_never_two_runs_of_a_job_at_once(monkeypatch):
    entered, leave = threading.Event(), threading.Event()

    def linger(*, principal, limit):
        entered.set()
        leave.wait(10)
        return 0

    monkeypatch.setattr(jobs.Job, "load", lambda job: linger)

    def first():
        with role("memoryhub_system"):
            job_runs.run("chore", now=True)
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(10)
    assert job_runs.run("chore", now=True) is None
    with pytest.raises(CommandError, match="running right now"):
        call_command("run_job", "chore")
    leave.set()
    thread.join()
    assert [run.outcome for run in JobRun.objects.all()] == ["done"]
    assert job_runs.run("chore", now=True)
