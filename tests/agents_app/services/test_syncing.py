from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from agents_app import selectors, tasks
from agents_app.models import AgentProfile, SyncRun
from agents_app.services import profiles, sync_steps, sync_work, syncing
from memoryhub.access.exceptions import NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from tests.conftest import role

Slices = list[Mapping[str, int] | Exception]


class Chore:
    """A step that answers as told; ``seen`` are the agents that it was called for."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.answers: dict[str, Slices] = {}

    def __call__(self, run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]:
        assert principal.tenant_id == run.tenant_id
        self.seen.append(run.agent_id)
        answers = self.answers.get(run.agent_id, [])
        answer = answers.pop(0) if answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def chore() -> Iterator[Chore]:
    step = Chore()
    sync_steps.register("chore", step)
    yield step
    sync_steps.unregister("chore")


@pytest.fixture
def agents(as_agent: Callable[..., Principal]) -> list[Principal]:
    return [as_agent("alden"), as_agent("alice")]


def profile(agent_id: str, principal: Principal) -> AgentProfile:
    return profiles.of_agent(agent_id, principal=principal)


def saved(run: SyncRun) -> SyncRun:
    with behind_walls(system_principal("test", run.tenant_id)):
        run.refresh_from_db()
    return run


def scheduled(limit: int = 100) -> Any:
    with role("memoryhub_system"):
        return syncing.sync_agents(principal=system_principal("jobs.sync_agents"), limit=limit)


def make_due(**fields: Any) -> None:
    with role("memoryhub_system"):
        AgentProfile.objects.update(next_sync_at=timezone.now(), **fields)


def test_a_run_adds_up_what_its_steps_did(agents: list[Principal], chore: Chore) -> None:
    chore.answers["alden"] = [{"conflicts_resolved": 2, "more": 1}, {"conflicts_resolved": 1}]
    run = syncing.sync_agent("alden", principal=agents[0])
    assert (run.status, run.errors, run.counts["conflicts_resolved"]) == ("done", [], 3)
    assert run.requested_by == "alden"
    assert set(run.steps_done) >= {"retention", "clean_up", "replicas", "counts", "chore"}
    assert run.duration_ms is not None
    after = profile("alden", agents[0])
    assert after.last_synced_at == run.started_at
    assert after.sync_totals["total_syncs"] == after.sync_totals["successful_syncs"] == 1
    with behind_walls(agents[0]):
        assert AuditEvent.objects.filter(action="agents.sync.requested").count() == 1


def test_one_failing_step_stops_neither_the_other_steps_nor_the_other_agents(
    agents: list[Principal], chore: Chore
) -> None:
    chore.answers["alden"] = [ValueError("broken")]
    first, second = syncing.sync_all(principal=agents[0])
    assert (first.agent_id, first.status) == ("alden", "failed")
    assert first.errors == [{"step": "chore", "error": "ValueError: broken"}]
    assert "memories_synced" in first.counts
    assert (second.agent_id, second.status) == ("alice", "done")


def test_what_the_database_refuses_in_a_step_undoes_that_step_alone(agents: list[Principal], chore: Chore) -> None:
    def broken(run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return {}

    sync_steps.register("broken", broken)
    try:
        run = syncing.sync_agent("alden", principal=agents[0])
    finally:
        sync_steps.unregister("broken")
    assert saved(run).status == "failed"
    assert run.errors[0]["step"] == "broken"
    assert issubclass(DatabaseError, Exception)


def test_failures_back_off_and_a_good_run_forgets_them(agents: list[Principal], chore: Chore) -> None:
    for failures, seconds in ((1, 120), (2, 240), (3, 480)):
        chore.answers["alden"] = [ValueError("broken")]
        before = timezone.now()
        syncing.sync_agent("alden", principal=agents[0])
        found = profile("alden", agents[0])
        assert found.sync_failures == failures
        assert timedelta(0) <= found.next_sync_at - before - timedelta(seconds=seconds) < timedelta(seconds=30)
    syncing.sync_agent("alden", principal=agents[0])
    found = profile("alden", agents[0])
    assert (found.sync_failures, found.sync_totals["failed_syncs"], found.sync_totals["total_syncs"]) == (0, 3, 4)
    assert sync_work.pause(30) == timedelta(hours=1)


def test_who_may_ask(agents: list[Principal], as_agent: Callable[..., Principal], tenant: str) -> None:
    reader = as_agent("alden", permissions=frozenset({"read"}))
    with pytest.raises(ScopeMissing):
        syncing.sync_agent("alden", principal=reader)
    with pytest.raises(NotFound):
        syncing.sync_agent("nobody", principal=agents[0])
    profiles.deactivate("alice", principal=system_principal("test", tenant), reason="gone")
    with pytest.raises(NotFound):
        syncing.sync_agent("alice", principal=agents[0])
    assert [run.agent_id for run in syncing.sync_all(principal=agents[0])] == ["alden"]


def test_what_does_not_finish_in_time_goes_on_in_the_job(
    agents: list[Principal], chore: Chore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[str] = []
    monkeypatch.setattr(syncing, "async_task", rings.append)
    monkeypatch.setattr(syncing, "WAIT_SECONDS", 0.0001)
    chore.answers["alden"] = [{"done": 1, "more": 1}, {"done": 1}]
    waiting, other = syncing.sync_all(principal=agents[0])
    assert not waiting.is_over
    assert not other.is_over
    assert rings == ["agents_app.tasks.run_waiting_syncs"]
    assert scheduled()["synced"] == 2
    assert saved(waiting).status == "done"
    assert waiting.counts["done"] == 2


def test_a_job_whose_time_is_up_rings_for_what_is_left(
    agents: list[Principal], chore: Chore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[str] = []
    monkeypatch.setattr(syncing, "async_task", rings.append)
    monkeypatch.setattr(syncing, "JOB_SECONDS", 0)
    chore.answers["alden"] = [{"more": 1}, {}]
    assert scheduled()["synced"] < 2
    assert rings
    monkeypatch.setattr(syncing, "JOB_SECONDS", 60)
    while scheduled()["synced"]:
        continue
    assert len(rings) == 1
    with behind_walls(agents[0]):
        assert set(SyncRun.objects.values_list("status", flat=True)) == {"done"}


def test_it_rings_when_the_next_one_may_run(
    agents: list[Principal], chore: Chore, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def note(_: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            held.extend(cursor.fetchone())

    monkeypatch.setattr(syncing, "async_task", note)
    monkeypatch.setattr(syncing, "JOB_SECONDS", 0)
    chore.answers["alden"] = [{"more": 1}, {}]
    with role("memoryhub_system"):
        tasks.run_waiting_syncs()
    assert held == [0]


def test_a_request_joins_one_that_waits(agents: list[Principal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "WAIT_SECONDS", -1)
    first = syncing.sync_agent("alden", principal=agents[0])
    again = syncing.sync_agent("alden", principal=agents[0], force=True)
    assert (first.pk, again.forced) == (again.pk, True)
    assert syncing.sync_agent("alden", principal=agents[0], user_id="u").pk != first.pk


def test_each_agent_is_due_once_an_interval(agents: list[Principal], chore: Chore) -> None:
    assert scheduled() == {"due": 2, "synced": 2, "failed": 0}
    assert scheduled() == {"due": 0, "synced": 0, "failed": 0}
    make_due()
    chore.answers["alice"] = [ValueError("broken")]
    assert scheduled() == {"due": 2, "synced": 1, "failed": 1}
    assert profile("alice", agents[1]).next_sync_at > profile("alden", agents[0]).next_sync_at


def test_an_agent_that_is_switched_off_is_never_due(agents: list[Principal], tenant: str) -> None:
    profiles.deactivate("alice", principal=system_principal("test", tenant), reason="gone")
    assert scheduled()["due"] == 1


def test_a_run_whose_process_died_is_taken_over_and_given_up_after_some_times(
    agents: list[Principal], chore: Chore
) -> None:
    with role("memoryhub_system"):
        run = syncing.request("alden", principal=system_principal("test", "acme"))
        everywhere = system_principal("test")
        for attempt in range(1, sync_work.MOST_ATTEMPTS + 2):
            claimed = sync_work.claim(principal=everywhere)
            assert claimed is not None
            assert claimed.attempts == attempt
            assert sync_work.claim(principal=everywhere) is None
            SyncRun.objects.filter(pk=run.pk).update(claimed_until=timezone.now())
        assert claimed is not None
        assert sync_work.carry_on(claimed, seconds=1, limit=10)
    assert saved(run).status == "failed"
    assert "Given up" in run.errors[0]["error"]
    assert chore.seen == []


def test_a_run_about_one_user_leaves_the_agents_position(agents: list[Principal], chore: Chore) -> None:
    run = syncing.sync_agent("alden", principal=agents[0], user_id="pat")
    assert (run.status, run.user_id) == ("done", "pat")
    assert profile("alden", agents[0]).last_synced_at is None


def test_old_runs_are_purged_and_their_totals_stay(agents: list[Principal]) -> None:
    syncing.sync_agent("alden", principal=agents[0])
    with role("memoryhub_system"):
        SyncRun.objects.update(finished_at=timezone.now() - timedelta(days=400))
        assert syncing.purge_runs(principal=system_principal("test"), limit=10) == 1
        assert not SyncRun.objects.exists()
    assert selectors.statistics(principal=agents[0])["service_stats"]["total_syncs"] == 1
