"""Tasks, facts, working memory, records and saving."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from memoryhub.access.exceptions import HubError, Invalid, TooLarge
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from sessions_app import hooks
from sessions_app.exceptions import SessionClosed, SessionNotFound, TaskArchived
from sessions_app.hooks import NewError
from sessions_app.models import ContextSnapshot, Message, Session, Task
from sessions_app.selectors import context, lists
from sessions_app.selectors.briefing import briefing
from sessions_app.services import endings, facts, handoffs, records, saving, sessions, tasks
from sessions_app.services.records import NewDecision, NewSnapshot
from sessions_app.services.saving import Also
from sessions_app.services.tasks import TaskFields

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(agent):
    principal = agent("worker", user="u1")
    sessions.start(session_id="s1", principal=principal)
    return principal


def put(principal, task_id: str | None = "t1", **fields: Any):
    return tasks.put(session_id="s1", task_id=task_id, fields=cast(TaskFields, fields), principal=principal)


def test_a_task_is_made_and_updated_by_its_name(worker):
    made = put(worker, description="review", priority="high")
    assert (made.created, made.task.status, made.task.priority) == (True, "pending", "high")
    updated = put(worker, status="completed", result={"ok": True})
    assert (updated.created, updated.task.description, updated.task.result) == (False, "review", {"ok": True})
    assert updated.task.completed_at is not None
    assert put(worker, status="in_progress").task.completed_at is None


def test_tasks_get_a_name_where_none_is_given(worker):
    names = {put(worker, task_id=None, description="x").task.task_id for _ in range(2)}
    assert len(names) == 2


def test_a_new_task_needs_a_description_and_a_known_status(worker):
    with pytest.raises(Invalid, match="description"):
        put(worker, status="pending")
    with pytest.raises(Invalid, match="one of"):
        put(worker, description="x", status="lost")


def test_the_completion_rate_leaves_out_what_was_cancelled(worker):
    for name, status in (("a", "completed"), ("b", "pending"), ("c", "cancelled"), ("d", "blocked")):
        put(worker, name, description="x", status=status)
    shown = context.full_context(session_id="s1", principal=worker)["tasks"]
    assert [task["id"] for task in shown["pending"]] == ["b", "d"]
    assert [task["id"] for task in shown["completed"]] == ["a"]
    assert (shown["total"], shown["completion_rate"]) == (4, 0.3333)


def test_facts_are_merged_and_forgotten(worker, job):
    facts.put(session_id="s1", facts={"a": 1, "b": {"c": [2]}}, principal=worker)
    session = facts.put(session_id="s1", facts={"a": None, "d": False}, principal=worker)
    assert session.critical_facts == {"b": {"c": [2]}, "d": False}
    with behind_walls(job):
        newest = AuditEvent.objects.filter(action="sessions.facts.put").values_list("new", flat=True)[0]
        assert newest is not None
        assert newest["keys"] == ["a", "d"]
        assert "digest" in newest


def test_working_memory_is_merged_or_replaced(worker):
    facts.put_working_memory(session_id="s1", values={"a": 1, "b": 2}, principal=worker)
    assert facts.put_working_memory(session_id="s1", values={"b": 3}, principal=worker).working_memory == {
        "a": 1,
        "b": 3,
    }
    replaced = facts.put_working_memory(session_id="s1", values={"c": 4}, principal=worker, replace=True)
    assert replaced.working_memory == {"c": 4}


def test_facts_have_a_limit(worker):
    with pytest.raises(TooLarge, match="KiB"):
        facts.put(session_id="s1", facts={"a": "x" * 262_144}, principal=worker)


def test_a_closed_session_takes_no_work(worker):
    endings.end(session_id="s1", principal=worker)
    with pytest.raises(SessionClosed):
        put(worker, description="x")
    with pytest.raises(SessionClosed):
        facts.put(session_id="s1", facts={"a": 1}, principal=worker)
    with pytest.raises(SessionClosed):
        saving.save(session_id="s1", principal=worker)
    records.decide(session_id="s1", new=NewDecision("t", "d"), principal=worker)  # but is still written about


def test_snapshots_have_the_published_defaults(worker):
    kept = records.snapshot(session_id="s1", new=NewSnapshot({"step": 3}), principal=worker)
    assert (kept.context_type, kept.importance, kept.tags, kept.user_id) == ("task", 5, [], "u1")
    assert kept.expires_at is not None
    assert timedelta(days=29) < kept.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"context_type": "mood"},
        {"importance": 0},
        {"importance": 11},
        {"expires_at": timezone.now() - timedelta(days=1)},
    ],
)
def test_snapshots_out_of_range_are_refused(worker, wrong):
    with pytest.raises(Invalid):
        records.snapshot(session_id="s1", new=NewSnapshot({}, **wrong), principal=worker)


def test_expired_snapshots_are_not_shown_and_then_purged(worker, job, as_role):
    for number in range(3):
        records.snapshot(session_id="s1", new=NewSnapshot({"n": number}), principal=worker)
    with behind_walls(job):
        past = timezone.now() - timedelta(minutes=1)
        ContextSnapshot.objects.filter(context_data__n=1).update(expires_at=past)
        assert [s.context_data["n"] for s in lists.snapshots(principal=worker)] == [2, 0]
    with as_role("memoryhub_system"):
        assert records.purge_expired_snapshots(principal=system_principal("test"), limit=100) == 1
        assert records.purge_expired_snapshots(principal=system_principal("test"), limit=100) == 0


def test_snapshots_are_found_by_type_tag_and_importance(worker, job):
    for kind, tags, importance in (("error", ["db"], 9), ("task", ["db", "ui"], 3), ("system", [], 5)):
        new = NewSnapshot({}, context_type=kind, tags=tags, importance=importance)
        records.snapshot(session_id="s1", new=new, principal=worker)

    def found(**filters):
        with behind_walls(job):
            return sorted(s.context_type for s in lists.snapshots(principal=worker, **filters))

    assert found(context_type="error") == ["error"]
    assert found(tag="db") == ["error", "task"]
    assert found(min_importance=5) == ["error", "system"]
    with pytest.raises(SessionNotFound):
        found(session_id="other")


def test_snapshots_of_a_users_session_are_for_who_names_it(worker, agent, job):
    records.snapshot(session_id="s1", new=NewSnapshot({}), principal=worker)
    with behind_walls(job):
        assert lists.snapshots(principal=agent()).count() == 0
        assert lists.snapshots(principal=agent(user="u2")).count() == 0
        assert lists.snapshots(principal=agent(user="u1")).count() == 1
        assert lists.snapshots(principal=agent(named_session="s1")).count() == 1


def test_saving_does_it_all_or_nothing(worker, job):
    put(worker, "t1", description="one")
    put(worker, "t2", description="two")
    saved = saving.save(
        session_id="s1",
        principal=worker,
        todos=[("t1", {"status": "completed"}), (None, {"description": "three"})],
        decisions=[NewDecision("db", "postgres", rationale="rls", alternatives=["sqlite"])],
    )
    assert (saved.tasks_updated, saved.tasks_archived) == (2, 1)
    assert {task["description"] for task in saved.snapshot.context_data["open_tasks"]} == {"two", "three"}
    assert saved.decisions[0].alternatives == ["sqlite"]
    with behind_walls(job):
        assert Task.objects.get(task_id="t1").archived_at is not None
    with pytest.raises(TaskArchived):
        saving.save(
            session_id="s1",
            principal=worker,
            todos=[("t2", {"status": "completed"}), ("t1", {"status": "pending"})],
        )
    with behind_walls(job):
        assert Task.objects.get(task_id="t2").status == "pending"
        assert ContextSnapshot.objects.count() == 1


def test_a_saved_context_is_what_the_briefing_gives_back(worker):
    put(worker, "t1", description="one")
    saving.save(session_id="s1", principal=worker, new=NewSnapshot({"file": "auth.py"}))
    error = NewSnapshot({"message": "boom"}, context_type="error")
    records.snapshot(session_id="s1", new=error, principal=worker)
    saving.save(session_id="s1", principal=worker, new=NewSnapshot({"file": "login.py"}))
    found = briefing(principal=worker)
    assert found.session_id == "s1"
    assert found.context is not None
    assert found.context["snapshot"] == {"file": "login.py"}
    assert [todo["id"] for todo in found.todos] == ["t1"]
    assert [kept.context_data for kept in found.errors] == [{"message": "boom"}]
    assert found.status["hub"] == "ok"
    assert found.status["active_sessions"] == 1


def test_saving_keeps_memories_errors_and_the_status_in_one_transaction(worker, monkeypatch):
    met: list[NewError] = []

    def recognize(session: Session, errors: Sequence[NewError], principal: Principal) -> hooks.KeepErrors:
        def keep() -> int:
            met.extend(errors)
            return len(errors)

        return keep

    monkeypatch.setattr(hooks, "_recognizers", [recognize])
    also = Also(
        memories=[Draft(key="cause", value="cookie not renewed")],
        errors=[NewError("KeyError: 'id'", "KeyError")],
        status={"staging": "green"},
    )
    saved = saving.save(session_id="s1", principal=worker, also=also)
    assert (saved.errors_captured, met[0].error_type) == (1, "KeyError")
    assert saved.status is not None
    assert (saved.status.context_type, saved.status.context_data) == ("system", {"staging": "green"})
    found = briefing(principal=worker)
    assert found.status["reported"] == {"staging": "green"}
    assert found.context is not None
    assert found.context["snapshot"] != {"staging": "green"}
    assert [(memory["key"], memory["content"]) for memory in found.recent_memory] == [("cause", "cookie not renewed")]

    wrong = Also(memories=[Draft(key="kept", value=1), Draft(key="wrong", value=float("nan"))], status={})
    with pytest.raises(HubError):
        saving.save(session_id="s1", principal=worker, also=wrong)
    with behind_walls(worker):
        assert lists.snapshots(principal=worker, session_id="s1", context_type="system").count() == 1
    assert [memory["key"] for memory in briefing(principal=worker).recent_memory] == ["cause"]


def test_a_briefing_shows_recent_memory_that_the_caller_may_see(worker, agent):
    for key, by in (("mine", worker), ("theirs", agent("other", user="u2"))):
        entries.store(Draft(key=key, value=key, scope="user", user_id=by.named_user), principal=by)
    assert [memory["key"] for memory in briefing(principal=worker).recent_memory] == ["mine"]


def test_the_houses_above_add_to_the_briefing(worker, monkeypatch):
    told = {"active_procedures": [{"name": "deploy"}], "errors": [{"id": 1}]}
    for name, rows in told.items():
        monkeypatch.setitem(hooks._parts, name, lambda session, principal, rows=rows: rows)
    found = briefing(principal=worker)
    assert (found.active_procedures, found.captured) == (told["active_procedures"], told["errors"])


def test_the_briefing_prefers_sessions_in_which_the_agent_took_part(worker, agent):
    sessions.start(session_id="s2", principal=agent("other", user="u1"))
    assert briefing(principal=worker).session_id == "s1"
    assert briefing(principal=agent("newcomer", user="u1")).session_id == "s2"


def test_the_briefing_names_handoffs_that_wait_for_the_agent(worker, agent):
    sessions.start(session_id="s2", principal=agent("worker"))
    handoffs.give(session_id="s2", to_agent="expert", handoff_reason="hard", principal=agent("worker"))
    assert [h.to_agent for h in briefing(principal=agent("expert")).handoffs] == ["expert"]
    assert briefing(principal=agent("somebody")).handoffs == []


def test_a_briefing_without_any_session(agent):
    found = briefing(principal=agent())
    assert (found.session_id, found.context, found.todos) == (None, None, [])


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (Session, {"status": "lost"}),
        (Message, {"role": "robot"}),
        (Task, {"status": "lost"}),
        (ContextSnapshot, {"importance": 11}),
    ],
)
def test_the_database_knows_the_allowed_states(worker, job, model, fields):
    put(worker, description="x")
    records.snapshot(session_id="s1", new=NewSnapshot({}), principal=worker)
    with behind_walls(job):
        if model is Message:
            Message.objects.create(tenant_id="acme", session=Session.objects.get(), sequence=1, role="user", content="")
        with pytest.raises(DatabaseError), transaction.atomic():
            model.objects.update(**fields)
