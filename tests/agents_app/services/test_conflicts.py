"""Submitting changes, what strategies and people decide about them, and what is written down."""

from __future__ import annotations

from typing import Any

import pytest

from agents_app.exceptions import ConflictMoved
from agents_app.models import AgentProfile, Candidate, Conflict
from agents_app.services import conflicts
from agents_app.services.conflicts import Place
from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services import entries, sharing
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.sync.models import SyncEvent

JOB = system_principal("test", "acme")
REVIEWER = Principal(kind="staff", name="rita", permissions=frozenset({"read", "write"}))


def agent(name: str, *scopes: str, tenant: str = "acme") -> Principal:
    held = frozenset(scopes or ("read", "write"))
    return Principal(kind="key", name=name, tenant_id=tenant, agent_id=name, permissions=held)


ALDEN, ALICE, ADMIN = agent("alden"), agent("alice"), agent("boss", "read", "write", "admin")


@pytest.fixture(autouse=True)
def walls(db: None) -> Any:
    for name in ("alden", "alice", "boss"):
        tenants.ensure(principal=JOB, tenant_id="acme")
        agents.ensure(principal=JOB, tenant_id="acme", agent_id=name)
    with behind_walls(JOB):
        yield


def entry_of(value: Any, *, by: Principal = ALDEN, **fields: Any) -> Any:
    return entries.store(Draft(key="k", value=value, **{"scope": "tenant"} | fields), principal=by).entry_id


def write(entry_id: Any, value: Any, *, by: Principal = ALDEN) -> int:
    return entries.change(entry_id, Change(value=value, if_present=True), principal=by).sync_version


def submit(entry_id: Any, value: Any = None, *, by: Principal = ALICE, base: int | None = 1, **more: Any) -> Any:
    return conflicts.submit(entry_id, principal=by, base_version=base, value=value, **more)


def row(entry_id: Any) -> ContextEntry:
    found: ContextEntry = ContextEntry.objects.get(pk=entry_id)
    return found


def clashing() -> tuple[Any, Any]:
    """An entry with an open conflict: gold is committed, platinum offered."""
    entry_id = entry_of({"tier": "silver", "seats": 1})
    write(entry_id, {"tier": "gold", "seats": 1})
    done = submit(entry_id, {"tier": "platinum", "seats": 2}, strategy="merge_content")
    assert done.outcome == "conflict"
    return entry_id, done.conflict_id


def test_a_change_of_the_newest_version_is_applied():
    entry_id = entry_of(1)
    done = submit(entry_id, 2, attributes={"importance": 0.9, "tags": ["a"]})
    assert (done.outcome, done.version, done.conflict_id) == ("applied", 2, None)
    entry = row(entry_id)
    assert (entry.value, entry.importance, entry.tags, entry.author) == (2, 0.9, ["a"], "alice")
    assert not Conflict.objects.exists()


def test_what_is_created_offline_is_stored_and_a_second_creation_is_a_conflict():
    place = Place(key="new", scope="agent")
    first = conflicts.submit(place, principal=ALICE, base_version=None, value={"a": 1})
    assert (first.outcome, first.created, first.version) == ("applied", True, 1)
    again = conflicts.submit(place, principal=ALICE, base_version=None, value={"b": 2}, strategy="merge_content")
    assert again.outcome == "merged"
    assert row(first.entry_id).value == {"a": 1, "b": 2}
    clash = conflicts.submit(place, principal=ALICE, base_version=None, value={"a": 2}, strategy="merge_content")
    assert clash.outcome == "conflict"
    assert Conflict.objects.get(pk=clash.conflict_id).kind == Conflict.Kind.CREATION


def test_a_stale_change_is_merged_with_what_was_committed():
    entry_id = entry_of({"a": 1, "b": 1})
    write(entry_id, {"a": 2, "b": 1})
    done = submit(entry_id, {"a": 1, "b": 3}, strategy="merge_content")
    assert (done.outcome, done.version, done.strategy) == ("merged", 3, "merge_content")
    entry = row(entry_id)
    assert (entry.value, entry.disputed) == ({"a": 2, "b": 3}, False)
    conflict = Conflict.objects.get(pk=done.conflict_id)
    assert (conflict.status, conflict.decided_by) == ("resolved", conflicts.AUTOMATIC)
    assert (conflict.version_before, conflict.version_after) == (2, 3)
    version = EntryVersion.objects.get(entry=entry_id, version=3)
    assert (version.action, version.author) == ("resolved", "alice")
    assert "merge_content" in version.reason


def test_the_latest_wins_by_the_time_of_writing():
    entry_id = entry_of("old")
    write(entry_id, "committed")
    early = submit(entry_id, "earlier", strategy="latest_wins", written_at=row(entry_id).created_at)
    assert (early.outcome, early.version) == ("kept", 2)
    late = submit(entry_id, "later", strategy="latest_wins")
    assert (late.outcome, row(entry_id).value) == ("applied", "later")
    kept = Conflict.objects.get(pk=early.conflict_id)
    assert (kept.status, kept.version_after, kept.candidates.get().value) == ("resolved", None, "earlier")


def test_the_owners_strategy_decides_where_the_call_names_none():
    AgentProfile.objects.create(tenant_id="acme", agent_id="alden", conflict_strategy="manual_review")
    entry_id = entry_of("old")
    write(entry_id, "committed")
    assert submit(entry_id, "offered").outcome == "conflict"


def test_importance_and_priority_decide():
    AgentProfile.objects.create(tenant_id="acme", agent_id="alice", priority="high")
    entry_id = entry_of("old", importance=0.5)
    write(entry_id, "committed")
    low = submit(entry_id, "less", strategy="highest_importance", attributes={"importance": 0.1})
    assert low.outcome == "kept"
    assert submit(entry_id, "ranked", strategy="agent_priority").outcome == "applied"
    assert row(entry_id).value == "ranked"


def test_an_open_conflict_is_seen_by_readers():
    entry_id, conflict_id = clashing()
    conflict = Conflict.objects.get(pk=conflict_id)
    assert (conflict.status, conflict.severity, conflict.base_version, conflict.current_version) == (
        "open",
        "medium",
        1,
        2,
    )
    assert conflict.due_at is not None
    read = entries.get(entry_id, principal=ALDEN)
    assert read.disputed
    assert read.sync_version == 2
    assert [offered["agent_id"] for offered in read.alternatives] == ["alice"]
    [offered] = read.alternatives
    assert offered["value"] == {"tier": "platinum", "seats": 2}
    assert (offered["conflict_id"], offered["deletes"], offered["base_version"]) == (str(conflict_id), False, 1)


def test_further_stale_changes_join_the_open_conflict():
    entry_id, conflict_id = clashing()
    more = submit(entry_id, {"tier": "tin", "seats": 1}, by=ADMIN, strategy="latest_wins")
    assert (more.outcome, more.conflict_id) == ("conflict", conflict_id)
    assert list(Candidate.objects.filter(conflict=conflict_id).values_list("position", "agent_id")) == [
        (1, "alice"),
        (2, "boss"),
    ]
    assert Conflict.objects.get(pk=conflict_id).version == 2


def test_a_preview_and_its_decision():
    entry_id, conflict_id = clashing()
    seen = conflicts.preview(conflict_id, principal=REVIEWER)
    assert (seen.valid, seen.clashes, seen.value) == (False, 1, {"tier": "gold", "seats": 2})
    assert {path.pointer: path.kind for path in seen.paths} == {"/tier": "clash", "/seats": "one_sided"}
    assert seen.strategies["latest_wins"].winner == "candidate:1"
    picks = {"/tier": "candidate:1"}
    seen = conflicts.preview(conflict_id, principal=REVIEWER, choices=picks)
    assert (seen.valid, seen.value) == (True, {"tier": "platinum", "seats": 2})
    decided = conflicts.resolve(
        conflict_id,
        principal=REVIEWER,
        conflict_version=seen.conflict_version,
        entry_version=seen.entry_version,
        choices=picks,
        reason="the contract says so",
    )
    entry = row(entry_id)
    assert (decided.version, entry.value, entry.disputed) == (3, {"tier": "platinum", "seats": 2}, False)
    conflict = decided.conflict
    assert (conflict.status, conflict.resolution, conflict.decided_by) == ("resolved", "manual_review", "rita")
    assert (conflict.choices, conflict.version_before, conflict.version_after) == (picks, 2, 3)
    assert EntryVersion.objects.get(entry=entry_id, version=3).reason == "the contract says so"
    with behind_walls(JOB):
        said = AuditEvent.objects.filter(object_id=str(conflict_id)).values_list("action", flat=True)
        assert set(said) == {"agents.conflict.opened", "agents.conflict.resolved"}
        events = SyncEvent.objects.filter(object_id=conflict_id).order_by("id")
        assert [event.event_type for event in events] == ["conflict.opened", "conflict.resolved"]
        assert events[1].payload["agents"] == ["alden", "alice", "rita"]


def decide(conflict_id: Any, *, by: Principal = REVIEWER, **said: Any) -> Any:
    seen = conflicts.preview(conflict_id, principal=by)
    versions = {"conflict_version": seen.conflict_version, "entry_version": seen.entry_version}
    return conflicts.resolve(conflict_id, principal=by, **versions | said)


def test_an_unpicked_clash_is_refused_and_a_free_value_is_taken():
    entry_id, conflict_id = clashing()
    with pytest.raises(Invalid, match="/tier"):
        decide(conflict_id)
    with pytest.raises(Invalid, match="no such path"):
        decide(conflict_id, choices={"/tier": "current", "/no": "base"})
    decide(conflict_id, value={"tier": "bronze"})
    assert row(entry_id).value == {"tier": "bronze"}


def test_deciding_on_what_moved_is_refused():
    entry_id, conflict_id = clashing()
    seen = conflicts.preview(conflict_id, principal=REVIEWER)
    write(entry_id, {"tier": "other", "seats": 1})
    versions = {"conflict_version": seen.conflict_version, "entry_version": seen.entry_version}
    with pytest.raises(ConflictMoved, match="alden wrote version 3") as refused:
        conflicts.resolve(conflict_id, principal=REVIEWER, strategy="latest_wins", **versions)
    assert refused.value.extra["entry_version"] == 3
    submit(entry_id, {"tier": "tin"}, by=ADMIN)
    with pytest.raises(ConflictMoved, match="boss offers another value"):
        conflicts.resolve(conflict_id, principal=REVIEWER, strategy="latest_wins", **versions)
    decide(conflict_id, strategy="latest_wins")
    with pytest.raises(ConflictMoved, match="rita has resolved"):
        conflicts.resolve(conflict_id, principal=REVIEWER, strategy="latest_wins", **versions)


def test_a_deletion_offered_against_an_edit_is_a_conflict_and_can_win():
    entry_id = entry_of("old")
    write(entry_id, "edited")
    done = submit(entry_id, deletes=True, strategy="merge_content")
    assert done.outcome == "conflict"
    seen = conflicts.preview(done.conflict_id, principal=REVIEWER, choices={"": "candidate:1"})
    assert seen.valid
    decide(done.conflict_id, choices={"": "candidate:1"})
    assert row(entry_id).deleted_at is not None


def test_an_edit_offered_against_a_deletion_is_a_conflict_and_can_win():
    from memoryhub.registry.services import deletion

    entry_id = entry_of("old")
    deletion.delete(entry_id, principal=ALDEN)
    done = submit(entry_id, "edited", strategy="merge_content")
    assert done.outcome == "conflict"
    decide(done.conflict_id, choices={"": "candidate:1"})
    entry = row(entry_id)
    assert (entry.deleted_at, entry.value) == (None, "edited")


def test_attributes_are_merged_and_picked_beside_the_value():
    entry_id = entry_of("v", importance=0.5, tags=["a"])
    entries.change(entry_id, Change(importance=0.6, tags=["a", "b"], if_present=True), principal=ALDEN)
    done = submit(entry_id, "v", strategy="merge_content", attributes={"importance": 0.9, "tags": ["a", "c"]})
    assert done.outcome == "conflict"
    seen = conflicts.preview(done.conflict_id, principal=REVIEWER)
    assert {path.pointer: path.kind for path in seen.paths} == {"": "same", "@importance": "clash", "@tags": "auto"}
    decide(done.conflict_id, choices={"@importance": "candidate:1"})
    entry = row(entry_id)
    assert (entry.importance, entry.tags) == (0.9, ["a", "b", "c"])


def test_who_may_not_write_is_rejected():
    entry_id = entry_of("mine", scope="agent")
    sharing.share(entry_id, principal=ALDEN, agent_ids=["alice"])
    done = submit(entry_id, "other")
    assert (done.outcome, done.code) == ("rejected", "agent_mismatch")
    with pytest.raises(NotFound):
        submit(entry_id, "other", by=agent("stranger"))


def test_who_may_see_and_decide():
    _entry_id, conflict_id = clashing()
    with pytest.raises(NotFound):
        conflicts.preview(conflict_id, principal=agent("spy", tenant="globex"))
    with pytest.raises(Forbidden, match="admin"):
        decide(conflict_id, by=ALICE, strategy="latest_wins")
    with pytest.raises(Forbidden, match="automatic"):
        decide(conflict_id, by=ALDEN, choices={"/tier": "current"})
    decided = conflicts.resolve(conflict_id, principal=ALDEN, strategy="agent_priority")
    assert (decided.conflict.resolution, decided.conflict.decided_by) == ("agent_priority", "alden")


def test_an_admin_key_decides_about_another_agents_memory():
    entry_id = entry_of("old", scope="agent")
    sharing.share(entry_id, principal=ALDEN, agent_ids=["alice"], can_write=True)
    write(entry_id, "new")
    done = submit(entry_id, "offered", strategy="manual_review")
    decided = conflicts.resolve(done.conflict_id, principal=ADMIN, strategy="latest_wins", reason="x")
    assert row(entry_id).value == "offered"
    assert decided.conflict.decided_by == "boss"


def test_dismissing_leaves_what_is_committed():
    entry_id, conflict_id = clashing()
    done = conflicts.dismiss(conflict_id, principal=REVIEWER, reason="no")
    assert (done.conflict.status, done.version) == ("dismissed", 2)
    assert not row(entry_id).disputed
    assert submit(entry_id, {"tier": "x"}, strategy="manual_review").conflict_id != conflict_id


def test_a_proposal_waits_whatever_the_strategy_and_priority_keeps():
    entry_id = entry_of("mine")
    done = conflicts.propose(entry_id, principal=ALICE, value="better")
    assert (done.outcome, row(entry_id).value) == ("conflict", "mine")
    assert Conflict.objects.get(pk=done.conflict_id).kind == "proposal"
    conflicts.dismiss(done.conflict_id, principal=REVIEWER)
    AgentProfile.objects.create(tenant_id="acme", agent_id="alden", conflict_strategy="agent_priority")
    kept = conflicts.propose(entry_id, principal=ALICE, value="better")
    assert (kept.outcome, row(entry_id).value) == ("kept", "mine")
