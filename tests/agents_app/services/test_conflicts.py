"""Submitting changes, what strategies and people decide about them, and what is written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from agents_app.exceptions import ConflictMoved, ResultMoved, TooManyOffers
from agents_app.models import AgentProfile, Candidate, Conflict, SyncRun
from agents_app.services import conflicts
from agents_app.services.conflicts import Place, findings, undoing
from agents_app.services.conflicts import upkeep as conflict_upkeep
from agents_app.services.conflicts.cases import decided_by_person
from agents_app.services.conflicts.reach import conflicts_in_reach, governing
from agents_app.services.conflicts.upkeep import step, work
from agents_app.services.sharing import RuleChange, save_rules
from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import EntryLocked, NotLockHolder, RestrictedCategory
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services import deletion, entries, locks, sharing
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.sync.models import SyncEvent
from tests.conftest import role

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


def row(entry_id: Any) -> ContextEntry:
    found: ContextEntry = ContextEntry.objects.get(pk=entry_id)
    return found


def record(conflict_id: Any) -> Conflict:
    found: Conflict = Conflict.objects.get(pk=conflict_id)
    return found


def submit(entry_id: Any, value: Any = None, *, by: Principal = ALICE, base: int | None = 1, **more: Any) -> Any:
    return conflicts.submit(entry_id, principal=by, base_version=base, value=value, **more)


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
    first: Any = conflicts.submit(place, principal=ALICE, base_version=None, value={"a": 1})
    assert (first.outcome, first.created, first.version) == ("applied", True, 1)
    again = conflicts.submit(place, principal=ALICE, base_version=None, value={"b": 2}, strategy="merge_content")
    assert again.outcome == "merged"
    assert row(first.entry_id).value == {"a": 1, "b": 2}
    clash = conflicts.submit(place, principal=ALICE, base_version=None, value={"a": 2}, strategy="merge_content")
    assert clash.outcome == "conflict"
    assert record(clash.conflict_id).kind == Conflict.Kind.CREATION


def test_a_stale_change_is_merged_with_what_was_committed():
    entry_id = entry_of({"a": 1, "b": 1})
    write(entry_id, {"a": 2, "b": 1})
    done = submit(entry_id, {"a": 1, "b": 3}, strategy="merge_content")
    assert (done.outcome, done.version, done.strategy) == ("merged", 3, "merge_content")
    entry = row(entry_id)
    assert (entry.value, entry.disputed) == ({"a": 2, "b": 3}, False)
    conflict = record(done.conflict_id)
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
    kept = record(early.conflict_id)
    assert (kept.status, kept.version_after, kept.candidates.get().value) == ("resolved", None, "earlier")


def test_what_was_written_offline_counts_from_when_it_was_written():
    start = timezone.now() - timedelta(hours=1)
    entry_id = entry_of("old")
    first = submit(entry_id, "at 10", by=ALDEN, written_at=start)
    assert (first.outcome, first.version) == ("applied", 2)
    later = submit(entry_id, "at 30", strategy="latest_wins", written_at=start + timedelta(minutes=20))
    assert (later.outcome, row(entry_id).value) == ("applied", "at 30")
    between = submit(entry_id, "at 20", base=2, strategy="latest_wins", written_at=start + timedelta(minutes=10))
    assert (between.outcome, row(entry_id).value) == ("kept", "at 30")
    ahead = submit(entry_id, "tomorrow", base=3, written_at=timezone.now() + timedelta(days=1))
    assert ahead.outcome == "applied"
    written_at = EntryVersion.objects.get(entry=entry_id, version=4).written_at
    assert written_at is not None
    assert written_at <= timezone.now()


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
    conflict = record(conflict_id)
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
    assert record(conflict_id).version == 2


def test_readers_get_the_newest_offers_without_what_is_too_large():
    entry_id, conflict_id = clashing()
    for number in range(2, 50):
        Candidate.objects.create(
            conflict_id=conflict_id,
            tenant_id="acme",
            position=number,
            agent_id="alice",
            value=number,
            written_at=timezone.now(),
        )
    submit(entry_id, "x" * 33_000)
    seen = entries.get(entry_id, principal=ALDEN).alternatives
    assert [offered["value"] for offered in seen] == [*range(41, 50), None]
    assert [offered["too_large"] for offered in seen] == [False] * 9 + [True]
    with pytest.raises(TooManyOffers) as refused:
        submit(entry_id, "one more")
    assert refused.value.code == "too_many_offers"
    decide(conflict_id, strategy="latest_wins")
    assert submit(entry_id, "one more", strategy="manual_review").outcome == "conflict"


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
    versions: dict[str, Any] = {"conflict_version": seen.conflict_version, "entry_version": seen.entry_version}
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
    versions: dict[str, Any] = {"conflict_version": seen.conflict_version, "entry_version": seen.entry_version}
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


def test_an_owners_automatic_decision_is_no_persons():
    entry_id = entry_of("old", scope="agent")
    sharing.share(entry_id, principal=ALDEN, agent_ids=["alice"], can_write=True)
    write(entry_id, "edited")
    waiting = submit(entry_id, "offered", strategy="manual_review").conflict_id
    conflicts.resolve(waiting, principal=ALDEN, strategy="latest_wins")
    with behind_walls(JOB):
        assert not decided_by_person(row(entry_id))
    conflicts.undo(waiting, principal=ALDEN, reopen=True)
    decide(Conflict.objects.get(status="open").pk, choices={"": "candidate:1"})
    assert decided_by_person(row(entry_id))


def test_nobody_learns_what_another_agent_remembers():
    entry_id = entry_of("mine", scope="agent")
    codes = []
    for key in ("k", "nothing"):
        for base in (None, 1):
            place = Place(key=key, scope="agent", agent_id="alden")
            codes.append(answer(place, base))
    assert codes[:2] == codes[2:]
    sharing.share(entry_id, principal=ALDEN, agent_ids=["alice"], can_write=True)
    assert answer(Place(key="k", scope="agent", agent_id="alden"), 1) == "applied"


def answer(place: Place, base: int | None) -> str:
    try:
        done = conflicts.submit(place, principal=ALICE, base_version=base, value="mine")
    except NotFound as error:
        return f"{error.code}: {error.message}"
    return f"{done.code}: {done.why}" if done.code else done.outcome


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


def test_an_admin_key_bound_to_a_user_stays_with_that_user():
    bound = replace(ADMIN, bound_user="ben", named_user="ben")
    of_rita, of_ben = (replace(ALDEN, named_user=name) for name in ("rita", "ben"))
    foreign = entry_of("old", by=of_rita, scope="user")
    write(foreign, "new", by=of_rita)
    waiting = submit(foreign, "offered", by=replace(ALICE, named_user="rita"), strategy="manual_review").conflict_id
    with pytest.raises(NotFound):
        conflicts.read(waiting, principal=bound)
    with pytest.raises(NotFound):
        conflicts.resolve(waiting, principal=bound, strategy="latest_wins")
    assert governing(bound) == bound
    own = entry_of("old", by=of_ben, scope="user")
    write(own, "new", by=of_ben)
    mine = submit(own, "offered", by=replace(ALICE, named_user="ben"), strategy="manual_review").conflict_id
    assert list(conflicts_in_reach(bound).values_list("pk", flat=True)) == [mine]
    conflicts.resolve(mine, principal=bound, strategy="latest_wins")
    assert row(own).value == "offered"


def test_a_bound_admin_key_decides_nothing_that_it_may_only_read():
    entry_id = entry_of("old", scope="agent")
    sharing.share(entry_id, principal=ALDEN, agent_ids=["alice"], can_write=True)
    sharing.share(entry_id, principal=ALDEN, agent_ids=["boss"])
    write(entry_id, "new")
    waiting = submit(entry_id, "offered", strategy="manual_review").conflict_id
    with pytest.raises(Forbidden):
        conflicts.resolve(waiting, principal=replace(ADMIN, bound_user="ben"), strategy="latest_wins")


def test_dismissing_leaves_what_is_committed():
    entry_id, conflict_id = clashing()
    done = conflicts.dismiss(conflict_id, principal=REVIEWER, reason="no")
    assert (done.conflict.status, done.version) == ("dismissed", 2)
    assert not row(entry_id).disputed
    assert submit(entry_id, {"tier": "x"}, strategy="manual_review").conflict_id != conflict_id


def test_a_proposal_waits_whatever_the_strategy_and_priority_keeps():
    entry_id = entry_of("mine")
    done: Any = conflicts.propose(entry_id, principal=ALICE, value="better")
    assert (done.outcome, row(entry_id).value) == ("conflict", "mine")
    assert record(done.conflict_id).kind == "proposal"
    conflicts.dismiss(done.conflict_id, principal=REVIEWER)
    AgentProfile.objects.create(tenant_id="acme", agent_id="alden", conflict_strategy="agent_priority")
    kept = conflicts.propose(entry_id, principal=ALICE, value="better")
    assert (kept.outcome, row(entry_id).value) == ("kept", "mine")


def test_an_undo_writes_what_was_before():
    entry_id, conflict_id = clashing()
    decide(conflict_id, choices={"/tier": "candidate:1"})
    undone = conflicts.undo(conflict_id, principal=REVIEWER, reason="hasty")
    entry = row(entry_id)
    assert (undone.conflict.status, undone.conflict.undone_by, undone.version) == ("undone", "rita", 4)
    assert (entry.value, entry.disputed, undone.reopened) == ({"tier": "gold", "seats": 1}, False, None)
    with pytest.raises(ConflictMoved, match="undone"):
        conflicts.undo(conflict_id, principal=REVIEWER)


def test_an_undo_of_what_was_changed_since_restores_only_when_asked():
    entry_id, conflict_id = clashing()
    decide(conflict_id, choices={"/tier": "candidate:1"})
    write(entry_id, "since")
    with pytest.raises(ResultMoved, match="alden wrote version 4"):
        conflicts.undo(conflict_id, principal=REVIEWER)
    assert conflicts.undo(conflict_id, principal=REVIEWER, as_new=True).version == 5
    assert row(entry_id).value == {"tier": "gold", "seats": 1}


def test_an_undo_can_ask_again():
    entry_id, conflict_id = clashing()
    decide(conflict_id, strategy="latest_wins")
    again = conflicts.undo(conflict_id, principal=REVIEWER, reopen=True).reopened
    assert again
    seen = conflicts.preview(again, principal=REVIEWER)
    assert [offer.value for offer in seen.case.offers] == [{"tier": "platinum", "seats": 2}]
    assert row(entry_id).disputed
    decide(again, choices={"": "candidate:1"})
    assert row(entry_id).value == {"tier": "platinum", "seats": 2}


def test_undoing_a_decision_that_wrote_nothing_asks_a_person():
    entry_id = entry_of("old")
    write(entry_id, "committed")
    kept = submit(entry_id, "earlier", strategy="latest_wins", written_at=row(entry_id).created_at)
    again = conflicts.undo(kept.conflict_id, principal=REVIEWER)
    assert again.reopened is not None
    assert (again.version, row(entry_id).disputed) == (2, True)


def test_an_undo_of_a_deletion_and_of_a_revival():
    entry_id = entry_of("old")
    write(entry_id, "edited")
    done = submit(entry_id, deletes=True, strategy="latest_wins")
    assert row(entry_id).deleted_at is not None
    conflicts.undo(done.conflict_id, principal=REVIEWER)
    assert (row(entry_id).deleted_at, row(entry_id).value) == (None, "edited")
    deletion.delete(entry_id, principal=ALDEN)
    done = submit(entry_id, "late", base=4, strategy="latest_wins")
    assert row(entry_id).value == "late"
    conflicts.undo(done.conflict_id, principal=REVIEWER)
    assert row(entry_id).deleted_at is not None


def test_undo_brings_back_attributes_too():
    entry_id = entry_of("v", importance=0.5, layer="long_term")
    write(entry_id, "w")
    done = submit(entry_id, "x", strategy="latest_wins", attributes={"importance": 0.9, "layer": "short_term"})
    assert (row(entry_id).importance, row(entry_id).layer) == (0.9, "short_term")
    conflicts.undo(done.conflict_id, principal=REVIEWER)
    entry = row(entry_id)
    assert (entry.value, entry.importance, entry.layer) == ("w", 0.5, "long_term")


def test_a_reviewer_holds_the_entry():
    entry_id, conflict_id = clashing()
    held = conflicts.hold(conflict_id, principal=REVIEWER)
    assert held.held_until is not None
    with pytest.raises(EntryLocked):
        write(entry_id, "x")
    with pytest.raises(EntryLocked):
        submit(entry_id, "x", base=2)
    ben = replace(REVIEWER, name="ben")
    for refused in (
        lambda: decide(conflict_id, by=ben, strategy="latest_wins"),
        lambda: conflicts.dismiss(conflict_id, principal=ben),
        lambda: conflicts.unhold(conflict_id, principal=ben),
        lambda: conflicts.hold(conflict_id, principal=ben),
    ):
        with pytest.raises(EntryLocked):
            refused()
    conflicts.hold(conflict_id, principal=REVIEWER)
    decided = decide(conflict_id, choices={"": "candidate:1"})
    assert (decided.conflict.held_until, decided.version) == (None, 3)
    assert write(entry_id, "x") == 4


def test_a_hold_is_let_go_and_ends_with_a_deletion():
    entry_id, conflict_id = clashing()
    conflicts.hold(conflict_id, principal=ADMIN, seconds=60)
    conflicts.unhold(conflict_id, principal=ADMIN)
    conflicts.unhold(conflict_id, principal=ADMIN)
    write(entry_id, "x")
    with pytest.raises(Invalid, match="seconds"):
        conflicts.hold(conflict_id, principal=ADMIN, seconds=100_000)
    done = submit(entry_id, deletes=True)
    conflicts.hold(conflict_id, principal=REVIEWER)
    decide(done.conflict_id, choices={"": "candidate:2"})
    assert row(entry_id).deleted_at is not None


def test_no_agent_takes_the_hold_of_a_reviewer_by_naming_itself_so():
    entry_id, conflict_id = clashing()
    conflicts.hold(conflict_id, principal=REVIEWER)
    mimic = agent("review:rita")
    with pytest.raises(EntryLocked):
        write(entry_id, "x", by=mimic)
    with pytest.raises(NotLockHolder):
        locks.release(entry_id, principal=mimic)
    with pytest.raises(EntryLocked):
        decide(conflict_id, by=replace(ADMIN, name="ben", agent_id=None), strategy="latest_wins")


def test_conflicts_are_assigned_and_snoozed():
    _, conflict_id = clashing()
    user = User.objects.create_user("rita", is_staff=True)
    assert conflicts.assign(conflict_id, principal=REVIEWER, username="rita").assignee == user
    assert conflicts.assign(conflict_id, principal=REVIEWER, username=None).assignee is None
    with pytest.raises(Invalid, match="reviewer"):
        conflicts.assign(conflict_id, principal=REVIEWER, username="nobody")
    later = timezone.now() + timedelta(hours=1)
    assert conflicts.snooze(conflict_id, principal=REVIEWER, until=later).snoozed_until == later
    assert conflicts.snooze(conflict_id, principal=REVIEWER, until=None).snoozed_until is None
    for wrong in (timezone.now() - timedelta(hours=1), timezone.now() + timedelta(days=40)):
        with pytest.raises(Invalid, match="30 days"):
            conflicts.snooze(conflict_id, principal=REVIEWER, until=wrong)
    with pytest.raises(Forbidden):
        conflicts.assign(conflict_id, principal=ALDEN, username="rita")


def found(kind: str, value: Any, other: Any) -> tuple[Any, Any, Any]:
    one = entry_of(value, scope="agent")
    two = entries.store(Draft(key="other", value=other, scope="agent"), principal=ALICE).entry_id
    made = conflicts.create_found(kind, one, two, confidence=0.9, evidence={"score": 0.9}, principal=JOB)
    assert made is not None
    return one, two, made.pk


def test_a_contradiction_gives_both_the_decided_value_and_is_undone_in_both():
    one, two, conflict_id = found("contradiction", "tea", "coffee")
    assert not row(one).disputed
    assert conflicts.create_found("contradiction", two, one, confidence=1, evidence={}, principal=JOB) is None
    with pytest.raises(NotFound):
        conflicts.resolve(conflict_id, principal=ALDEN, strategy="latest_wins")
    sharing.share(two, principal=ALICE, agent_ids=["alden"])
    with pytest.raises(Forbidden):
        conflicts.resolve(conflict_id, principal=ALDEN, strategy="latest_wins")
    decide(conflict_id, choices={"": "candidate:1"})
    assert (row(one).value, row(two).value) == ("coffee", "coffee")
    assert conflicts.create_found("contradiction", one, two, confidence=1, evidence={}, principal=JOB) is None
    conflicts.undo(conflict_id, principal=REVIEWER)
    assert (row(one).value, row(two).value) == ("tea", "coffee")


def test_a_restricted_value_goes_to_no_other_agent():
    one, two, conflict_id = found("contradiction", "tea", "coffee")
    rule = RuleChange(category="general", action="restrict", from_agent="alice")
    save_rules([rule], principal=system_principal("test", "acme"))
    with pytest.raises(RestrictedCategory):
        decide(conflict_id, choices={"": "candidate:1"})
    assert (row(one).value, row(two).value) == ("tea", "coffee")
    conflicts.dismiss(conflict_id, principal=REVIEWER)
    write(two, "milk", by=ALICE)
    for kind in ("contradiction", "duplicate"):
        assert conflicts.create_found(kind, one, two, confidence=1, evidence={}, principal=JOB) is None


def test_a_duplicate_is_removed_and_comes_back():
    one, two, conflict_id = found("duplicate", "tea", "tea!")
    decide(conflict_id, choices={"": "current"})
    assert (row(one).value, row(two).deleted_at is None) == ("tea", False)
    conflicts.undo(conflict_id, principal=REVIEWER)
    assert row(two).deleted_at is None


def test_a_decided_duplicate_hands_over_its_readers_and_undo_takes_them_back_with_the_value():
    one, two, conflict_id = found("duplicate", "tea", "tea!")
    sharing.share(two, principal=ALICE, agent_ids=["boss"])
    decide(conflict_id, choices={"": "candidate:1"})
    assert (row(one).value, row(one).metadata["merged_from"][0]["entry_id"]) == ("tea!", str(two))
    assert readers_of(one) == {"alice", "boss"}
    conflicts.undo(conflict_id, principal=REVIEWER)
    assert (row(one).value, row(two).deleted_at, readers_of(one)) == ("tea", None, set())
    assert "merged_from" not in row(one).metadata


def test_undoing_a_duplicate_that_moved_is_refused_or_goes_over_the_change():
    one, two, conflict_id = found("duplicate", "tea", "tea!")
    decide(conflict_id, choices={"": "current"})
    write(one, "milk")
    with pytest.raises(ResultMoved):
        conflicts.undo(conflict_id, principal=REVIEWER)
    conflicts.undo(conflict_id, principal=REVIEWER, as_new=True)
    assert (row(one).value, row(two).deleted_at) == ("tea", None)


def test_an_admin_key_decides_about_a_duplicate_of_others():
    one, two, conflict_id = found("duplicate", "tea", "tea!")
    conflicts.hold(conflict_id, principal=ADMIN)
    decided = decide(conflict_id, by=ADMIN, choices={"": "current"})
    assert decided.conflict.version_after == row(one).sync_version
    assert row(two).deleted_at is not None
    conflicts.undo(conflict_id, principal=ADMIN)
    assert (row(one).metadata, row(two).deleted_at) == ({}, None)


def readers_of(entry_id: Any) -> set[str]:
    with behind_walls(JOB):
        return set(Grant.objects.filter(entry_id=entry_id).values_list("agent_id", flat=True))


def test_a_dismissed_finding_is_not_found_again_until_something_changes():
    one, two, conflict_id = found("contradiction", "tea", "coffee")
    conflicts.dismiss(conflict_id, principal=REVIEWER)
    again: dict[str, Any] = {"confidence": 0.9, "evidence": {}, "principal": JOB}
    assert conflicts.create_found("contradiction", one, two, **again) is None
    write(two, "milk", by=ALICE)
    assert conflicts.create_found("contradiction", one, two, **again) is not None


def test_many_by_one_strategy_each_with_its_outcome():
    first, one = clashing()
    second = entries.store(Draft(key="l", value="a", scope="tenant"), principal=ALDEN).entry_id
    write(second, "b")
    two = submit(second, "c", strategy="manual_review").conflict_id
    plans = conflicts.preview_many([one, two, uuid4()], principal=REVIEWER, strategy="latest_wins")
    assert [getattr(plan, "decidable", None) for plan in plans] == [True, True, None]
    seen = [
        conflicts.Seen(plan.conflict_id, plan.conflict_version, plan.entry_version)
        for plan in plans
        if isinstance(plan, conflicts.Foreseen)
    ]
    write(second, "moved")
    outcomes = conflicts.resolve_many(seen, principal=REVIEWER, strategy="latest_wins", reason="bulk")
    assert [outcome.outcome for outcome in outcomes] == ["resolved", "failed"]
    assert outcomes[1].code == "conflict_moved"
    assert row(first).value == {"tier": "platinum", "seats": 2}
    [left] = conflicts.resolve_many([conflicts.Seen(two, 1, 3)], principal=REVIEWER, strategy="merge_content")
    assert left.outcome == "left"


def test_a_strategy_that_fails_leaves_it_to_people():
    entry_id = entry_of("old", layer="permanent")
    write(entry_id, "edited")
    done = submit(entry_id, deletes=True, strategy="latest_wins")
    assert done.outcome == "conflict"
    conflict = record(done.conflict_id)
    assert "permanent" in conflict.escalation_reason
    assert conflict.severity == "critical"


def test_erasing_an_entry_takes_its_conflicts_along():
    entry_id, conflict_id = clashing()
    deletion.erase(entry_id, principal=ADMIN, reason="asked to")
    assert not Conflict.objects.filter(pk=conflict_id).exists()
    assert not Candidate.objects.exists()
    assert not SyncEvent.objects.filter(object_id=conflict_id).exists()


@pytest.mark.parametrize("whose", ["nobody", "other", "itself"])
def test_a_parent_is_an_entry_that_the_agent_sees(whose):
    entry_id = entry_of("a")
    parent: Any = {"nobody": uuid4(), "itself": entry_id}.get(whose)
    if whose == "other":
        job = system_principal("test", "globex")
        with behind_walls(job):
            tenants.ensure(principal=job, tenant_id="globex")
            agents.ensure(principal=job, tenant_id="globex", agent_id="zed")
            parent = entry_of("theirs", by=agent("zed", tenant="globex"))
    with pytest.raises((Invalid, NotFound)):
        submit(entry_id, "b", attributes={"parent_id": str(parent)})
    assert row(entry_id).sync_version == 1


def test_undoing_leaves_out_a_parent_that_is_gone():
    parent = entries.store(Draft(key="parent", value=1, scope="tenant"), principal=ALDEN).entry_id
    entry_id = entry_of("a", parent_id=parent)
    write(entry_id, "b")
    conflict_id = submit(entry_id, "c", attributes={"parent_id": None}, strategy="latest_wins").conflict_id
    assert (row(entry_id).value, row(entry_id).parent_id) == ("c", None)
    deletion.erase(parent, principal=ADMIN, reason="asked to")
    conflicts.undo(conflict_id, principal=REVIEWER)
    assert (row(entry_id).value, row(entry_id).parent_id) == ("b", None)


def upkeep() -> dict[str, int]:
    with role("memoryhub_system"):
        return dict(work(principal=system_principal("conflicts"), limit=10))


def test_a_strategy_that_failed_is_tried_again_as_the_agent_that_asked():
    entry_id = entry_of("old", layer="permanent")
    write(entry_id, "edited")
    done = submit(entry_id, deletes=True, strategy="latest_wins")
    assert upkeep() == {"conflicts_resolved": 0, "conflicts_failed": 1, "conflicts_escalated": 0}
    entries.change(entry_id, Change(layer="long_term", if_present=True), principal=ADMIN)
    Candidate.objects.update(written_at=timezone.now())
    assert upkeep()["conflicts_resolved"] == 1
    conflict = record(done.conflict_id)
    assert (conflict.status, conflict.decided_by, row(entry_id).author) == ("resolved", "automatic", "alice")
    assert row(entry_id).deleted_at is not None
    assert upkeep() == {"conflicts_resolved": 0, "conflicts_failed": 0, "conflicts_escalated": 0}


def failed_edit(*offers: tuple[Principal, Any], strategy: str) -> tuple[Any, Any]:
    """Alden's high-ranking entry with an open conflict about what is offered, whose strategy failed before."""
    AgentProfile.objects.create(tenant_id="acme", agent_id="alden", priority="high")
    entry_id = entry_of("old", scope="agent")
    sharing.share(entry_id, principal=ALDEN, agent_ids=["alice"], can_write=True)
    write(entry_id, "edited")
    for by, value in offers:
        done = submit(entry_id, value, by=by, strategy="manual_review")
    Conflict.objects.filter(pk=done.conflict_id).update(evidence={"failed_strategy": strategy, "tries": 1})
    return entry_id, done.conflict_id


def test_a_value_is_written_with_the_rights_of_who_offered_it_and_not_of_the_newest_offer():
    entry_id, conflict_id = failed_edit((ALICE, "low"), (ALDEN, "own"), strategy="latest_wins")
    Candidate.objects.filter(agent_id="alice").update(written_at=timezone.now() + timedelta(hours=1))
    assert upkeep()["conflicts_failed"] == 1
    conflict = record(conflict_id)
    assert (conflict.status, conflict.evidence["tries"], row(entry_id).value) == ("open", 2, "edited")
    Candidate.objects.filter(agent_id="alden").update(written_at=timezone.now() + timedelta(hours=2))
    assert upkeep()["conflicts_resolved"] == 1
    assert (row(entry_id).value, row(entry_id).author) == ("own", "alden")


def test_a_merge_of_several_agents_offers_is_left_to_a_person():
    _entry_id, conflict_id = failed_edit((ALICE, "edited"), (ALDEN, "edited"), strategy="merge_content")
    assert upkeep()["conflicts_failed"] == 1
    assert record(conflict_id).status == "open"
    Candidate.objects.filter(agent_id="alice").delete()
    assert upkeep()["conflicts_resolved"] == 1


def failing(*keys: str) -> list[Any]:
    """Open conflicts, each of an entry of its own, whose strategy failed once."""
    made = []
    for key in keys:
        entry_id = entries.store(
            Draft(key=key, value="old", scope="tenant", layer="permanent"), principal=ALDEN
        ).entry_id
        write(entry_id, "edited")
        made.append(submit(entry_id, deletes=True, strategy="latest_wins").conflict_id)
    return made


def breaks_with(error: Exception, conflict_id: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide_again(seen: Conflict, principal: Principal) -> bool:
        if seen.pk == conflict_id:
            raise error
        return decided_again(seen, principal)

    decided_again = conflict_upkeep.decide_again
    monkeypatch.setattr(conflict_upkeep, "decide_again", decide_again)


def test_a_conflict_that_breaks_the_job_is_counted_and_keeps_no_other_waiting(monkeypatch):
    poison, other = failing("k", "l")
    breaks_with(ValueError("odd"), poison, monkeypatch)
    assert upkeep()["conflicts_failed"] == 2
    assert record(poison).escalation_reason == "latest_wins failed: ValueError"
    assert [record(pk).evidence["tries"] for pk in (poison, other)] == [2, 2]


def test_a_locked_entry_is_no_failure_of_the_strategy(monkeypatch):
    [conflict_id] = failing("k")
    breaks_with(EntryLocked("rita", timezone.now().isoformat()), conflict_id, monkeypatch)
    assert upkeep()["conflicts_failed"] == 0
    assert record(conflict_id).evidence["tries"] == 1


def test_an_unreachable_database_is_no_failure_of_the_strategy(monkeypatch):
    [conflict_id] = failing("k")
    breaks_with(OperationalError("gone"), conflict_id, monkeypatch)
    with pytest.raises(OperationalError):
        upkeep()
    assert record(conflict_id).evidence["tries"] == 1


def test_what_was_decided_meanwhile_is_neither_raised_nor_tried():
    _, conflict_id = clashing()
    Conflict.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    stale = record(conflict_id)
    decide(conflict_id, strategy="latest_wins")
    decided = record(conflict_id)
    assert not conflict_upkeep.raise_severity(stale, JOB)
    conflict_upkeep.tried(stale, "why")
    now = record(conflict_id)
    assert (now.severity, now.evidence, now.escalation_reason) == (
        decided.severity,
        decided.evidence,
        decided.escalation_reason,
    )
    assert not AuditEvent.objects.filter(action="agents.conflict.escalated").exists()


def test_what_others_noted_meanwhile_stays():
    [conflict_id] = failing("k")
    stale = record(conflict_id)
    Conflict.objects.update(evidence=stale.evidence | {"seen": 3}, due_at=timezone.now() - timedelta(minutes=1))
    conflict_upkeep.tried(stale, "why")
    assert conflict_upkeep.raise_severity(stale, JOB)
    assert not conflict_upkeep.raise_severity(stale, JOB)
    assert (record(conflict_id).evidence["seen"], record(conflict_id).evidence["tries"]) == (3, 2)


def test_a_step_holds_few_entries_at_a_time_and_comes_to_an_end():
    made = failing(*"abcdef")
    run = SyncRun(tenant_id="acme", agent_id="alden", started_at=timezone.now())
    first, second = (step(run, principal=JOB, limit=100) for _ in range(2))
    assert (first["conflicts_failed"], first["more"]) == (5, 1)
    assert (second["conflicts_failed"], "more" in second) == (1, False)
    assert {record(pk).evidence["tries"] for pk in made} == {2}


def test_each_conflict_of_the_job_has_a_transaction_of_its_own(monkeypatch):
    open_ones = []
    depth = len(connection.savepoint_ids)
    monkeypatch.setattr(conflict_upkeep, "retry", lambda *_: open_ones.append(len(connection.savepoint_ids) - depth))
    failing("k")
    conflict_upkeep.work(principal=JOB, limit=10)
    assert open_ones == [0]


def test_a_conflict_that_was_reopened_is_left_to_people_and_may_be_raised_again():
    [conflict_id] = failing("k")
    Conflict.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    assert upkeep()["conflicts_escalated"] == 1
    conflicts.dismiss(conflict_id, principal=REVIEWER)
    again = record(conflicts.undo(conflict_id, principal=REVIEWER, reopen=True).reopened)
    assert again.evidence == {}
    assert upkeep() == {"conflicts_resolved": 0, "conflicts_failed": 0, "conflicts_escalated": 1}


def test_a_finding_that_was_reopened_knows_nothing_of_the_former_decision():
    _, _, conflict_id = found("duplicate", "tea", "tea!")
    decide(conflict_id, choices={"": "current"})
    again = record(conflicts.undo(conflict_id, principal=REVIEWER, reopen=True).reopened)
    assert not again.evidence.keys() & {"other_version_before", "other_version_after", findings.REMOVAL}
    assert again.evidence.keys() == record(conflict_id).evidence.keys() - set(undoing.DECIDED)


def test_a_conflict_past_due_is_raised_once():
    _, conflict_id = clashing()
    Conflict.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    run = SyncRun(tenant_id="acme", agent_id="alden")
    assert step(run, principal=JOB, limit=10)["conflicts_escalated"] == 1
    conflict = record(conflict_id)
    assert (conflict.severity, conflict.version) == ("high", 1)
    assert step(run, principal=JOB, limit=10)["conflicts_escalated"] == 0
    assert step(replace_agent(run, "alice"), principal=JOB, limit=1) == {
        "conflicts_resolved": 0,
        "conflicts_failed": 0,
        "conflicts_escalated": 0,
    }


def replace_agent(run: SyncRun, agent_id: str) -> SyncRun:
    return SyncRun(tenant_id=run.tenant_id, agent_id=agent_id)
