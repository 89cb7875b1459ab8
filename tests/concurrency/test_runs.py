"""Runs with real transactions: several agents at once, and whoever was first is the only one."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import RunEvent, StepRun
from procedures_app.services import knowledge, runs
from procedures_app.services.runs import approvals, calling, taking
from procedures_app.services.runs.held import HeldRun
from procedures_app.services.runs.remembering import remember
from tests.concurrency.test_entries import in_threads
from tests.conftest import HubClient
from tests.procedures_app.following import BOSS, HUB, acting_as, events_of, flag, publish, run_of, statuses, steps_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)
AGENTS, STEPS = 5, 4


@pytest.fixture(autouse=True)
def acme(transactional_db: None) -> None:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")


def run_of_steps(*more: dict[str, Any]) -> UUID:
    publish(*({"id": f"step-{n}", "evidence": [flag()]} for n in range(STEPS)), *more, name="together")
    return runs.start("together", principal=acting_as("agent-0")).pk


def test_each_step_is_done_once_by_whoever_has_it():
    run_id = run_of_steps()

    def work(number: int) -> list[tuple[str, int]]:
        principal, done = acting_as(f"agent-{number}"), []

        def over() -> bool:
            found = runs.next_step(run_id, principal=principal)
            if found.state == "step":
                assert found.step is not None
                assert found.lease_token
                said: dict[str, Any] = {"lease": found.lease_token, "evidence": {"passed": True}}
                runs.complete(run_id, found.step.step_id, principal=principal, **said)
                done.append((found.step.step_id, found.lease_token))
            return found.state == "over"

        until(over, 60, "the end of the run")
        return done

    did = [one for done in in_threads(work, AGENTS) for one in done]
    assert sorted(did) == [(f"step-{n}", 1) for n in range(STEPS)]
    assert events_of(run_id).count("step.done") == STEPS
    assert run_of(run_id).compliant is True


def test_of_several_that_ask_at_once_one_gets_the_step():
    run_id = run_of_steps()
    found = in_threads(lambda n: runs.next_step(run_id, principal=acting_as(f"agent-{n}")).state, AGENTS)
    assert sorted(found) == ["busy"] * (AGENTS - 1) + ["step"]
    assert steps_of(run_id)["step-0"].lease_token == 1


def test_a_completion_that_is_sent_several_times_at_once_counts_once():
    run_id, agent = run_of_steps(), acting_as("agent-0")
    lease = runs.next_step(run_id, principal=agent).lease_token
    said: dict[str, Any] = {"principal": agent, "lease": lease, "evidence": {"passed": True}}
    in_threads(lambda n: runs.complete(run_id, "step-0", **said), AGENTS)
    assert statuses(run_id)[:2] == ["done", "ready"]
    assert events_of(run_id).count("step.done") == 1


def test_a_decision_and_a_withdrawal_at_once_are_one_of_both():
    run_id, agent = run_of_steps(), acting_as("agent-0")
    asked = runs.ask_skip(run_id, "step-0", principal=agent, reason="So.")
    version = run_of(run_id).version

    def answer(number: int) -> str:
        try:
            if number % 2:
                return approvals.withdraw(asked.pk, principal=agent).status
            said: dict[str, Any] = {"approve": True, "reason": "So."}
            return approvals.decide(asked.pk, principal=BOSS, run_version=version, **said).status
        except HubError as error:
            return error.code

    found = in_threads(answer, 4)
    assert found.count("already_decided") == 3
    assert statuses(run_id)[0] == ("skipped" if "approved" in found else "ready")


def test_a_call_is_claimed_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings.CONFIG.procedures, "allowed_hosts", ["example.org"])
    called = {"id": "call", "kind": "http", "request": {"url": "https://example.org/x"}}
    publish(called, {"id": "then"}, name="calling")
    run_id = runs.start("calling", principal=acting_as("agent-0")).pk
    found = in_threads(lambda n: calling.claim(run_id, principal=HUB), 4)
    assert sum(one is not None for one in found) == 1
    assert steps_of(run_id)["call"].attempts == 1


def test_refused_shortcuts_at_once_leave_no_gap():
    run_id = run_of_steps()

    def shortcut(number: int) -> str:
        try:
            runs.complete(run_id, "step-2", principal=acting_as(f"agent-{number}"), lease=1, evidence={})
        except HubError as error:
            return error.code
        return "done"

    assert in_threads(shortcut, AGENTS) == ["step_required"] * AGENTS
    assert events_of(run_id).count("step.refused") == AGENTS
    with behind_walls(HUB):
        assert RunEvent.objects.filter(event="step.refused").count() == AGENTS


def crossing(monkeypatch: pytest.MonkeyPatch, *before: dict[str, Any]) -> list[UUID]:
    """Two runs that remember the same two things in one turn, each one first that the other wants next."""

    def learns(title: str) -> dict[str, Any]:
        said = {"title": title, "content": f"{title}: first."}
        return {"id": title, "kind": "memory", "action": {"do": "capture_knowledge", "with": said}}

    agent, met, first = acting_as("agent-0"), threading.Barrier(2, timeout=30), set[UUID]()
    for title in ("alpha", "omega"):
        knowledge.capture(title=title, content=f"{title}: first.", principal=agent)
    publish(*before, learns("alpha"), learns("omega"), name="up")
    publish(*before, learns("omega"), learns("alpha"), name="down")
    ids = [runs.start(name, principal=agent).pk for name in ("up", "down")]

    def remembering(held: HeldRun, step: StepRun) -> None:
        remember(held, step)
        if held.run.pk not in first:  # both have one row, and want the other's
            first.add(held.run.pk)
            met.wait()

    monkeypatch.setattr(taking, "remember", remembering)
    return ids


def test_runs_that_remember_the_same_things_in_another_order_both_go_on(monkeypatch: pytest.MonkeyPatch):
    ids, agent = crossing(monkeypatch), acting_as("agent-0")
    found = in_threads(lambda n: runs.next_step(ids[n], principal=agent).state, 2)
    assert found == ["over", "over"]
    assert [run_of(run_id).status for run_id in ids] == ["completed", "completed"]


def test_so_they_do_under_an_idempotency_key_and_each_once(monkeypatch: pytest.MonkeyPatch, make_key: Any):
    ids, agent = crossing(monkeypatch, {"id": "look"}), acting_as("agent-0")
    leases = [runs.next_step(run_id, principal=agent).lease_token for run_id in ids]
    named = {"Authorization": f"Bearer {make_key()}", "X-Agent-Id": "agent-0"}

    def complete(number: int) -> Any:
        headers = named | {"Idempotency-Key": f"look-{number}"}
        said: dict[str, Any] = {"lease": leases[number], "evidence": {}}
        return HubClient().post(f"/memory/runs/{ids[number]}/steps/look/complete", said, headers=headers)

    for replayed in (False, True):
        found = in_threads(complete, 2)
        assert [(one.status_code, one.json()["status"]) for one in found] == [(200, "completed")] * 2
        assert ["Idempotency-Replayed" in one for one in found] == [replayed] * 2
    assert [run_of(run_id).status for run_id in ids] == ["completed", "completed"]
    assert [events_of(run_id).count("step.done") for run_id in ids] == [3, 3]
