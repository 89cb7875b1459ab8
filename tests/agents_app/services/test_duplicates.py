"""Removing a duplicate and taking it back: what goes over, who may, and what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest

from agents_app.exceptions import DifferentReach, FurtherReaders, RemovalMoved
from agents_app.models import DuplicateRemoval
from agents_app.services import duplicates, sharing
from agents_app.services.sharing import RuleChange
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.services import grants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import (
    EntryLocked,
    EntryStale,
    LegalHold,
    NotGranted,
    PermanentEntry,
    RestrictedCategory,
)
from memoryhub.registry.models import ContextEntry, ContextGroup, GroupMember, Relationship
from memoryhub.registry.services import deletion, entries, lifecycle, locks
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.registry.services.sharing import share

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(as_agent):
    def make(agent: str, key: str, value: Any = "Deploys go out on Tuesdays", **fields: Any):
        draft = Draft(key=key, value=value, **{"scope": "agent", "user_id": "u", "category": "deploys"} | fields)
        return entries.store(draft, principal=as_agent(agent)).entry_id

    return make


@pytest.fixture
def pair(store, as_agent):
    """alden's entry, and alice's that says the same; each has things of its own."""
    kept = store("alden", "a", tags=["ops"], metadata={"from": "chat"}, importance=0.4)
    dropped = store("alice", "b", tags=["ops", "team"], metadata={"from": "wiki", "seen": 2}, importance=0.9)
    as_agent("mimic")
    share(dropped, principal=as_agent("alice"), agent_ids=["mimic"])
    return kept, dropped


def row(entry_id, job) -> ContextEntry:
    with behind_walls(job):
        return ContextEntry.objects.get(pk=entry_id)


def rights(entry_id, job) -> dict[str, bool]:
    with behind_walls(job):
        return dict(Grant.objects.filter(entry_id=entry_id).values_list("agent_id", "can_write"))


def test_the_kept_entry_takes_over_what_only_the_other_had(pair, job, as_agent):
    kept, dropped = pair
    removed = duplicates.remove(kept, dropped, principal=job, reason="same thing")
    after = row(kept, job)
    assert (after.tags, after.importance, after.sync_version) == (["ops", "team"], 0.9, removed.sync_version)
    assert after.value == "Deploys go out on Tuesdays"
    assert (after.metadata["from"], after.metadata["seen"]) == ("chat", 2)
    [origin] = after.metadata["merged_from"]
    assert (origin["entry_id"], origin["key"], origin["version"]) == (str(dropped), "b", 1)
    assert rights(kept, job) == {"alice": False, "mimic": False}
    assert row(dropped, job).deleted_at is not None
    assert entries.get(kept, principal=as_agent("mimic", user="u")).key == "a"
    with behind_walls(job):
        assert Relationship.objects.filter(source=dropped, target=kept, relationship_type="duplicate_of").exists()
        assert AuditEvent.objects.filter(action="agents.duplicate.removed", object_id=str(dropped)).exists()


def test_undo_brings_both_back_as_they_were(pair, job):
    kept, dropped = pair
    before = row(kept, job), row(dropped, job)
    removed = duplicates.remove(kept, dropped, principal=job)
    removal = duplicates.undo(removed.removal_id, principal=job, reason="two teams")
    assert removal.undone_by == job.actor
    for old, new in zip(before, (row(kept, job), row(dropped, job)), strict=True):
        same = ("value", "tags", "metadata", "importance", "deleted_at")
        assert [getattr(old, name) for name in same] == [getattr(new, name) for name in same]
        assert new.sync_version > old.sync_version
    assert rights(kept, job) == {}
    assert rights(dropped, job) == {"mimic": False}
    with behind_walls(job):
        assert not Relationship.objects.filter(relationship_type="duplicate_of").exists()
    with pytest.raises(RemovalMoved):
        duplicates.undo(removed.removal_id, principal=job)


def test_relationships_children_and_groups_go_over_and_back(pair, store, job):
    kept, dropped = pair
    child, other = store("alice", "child", parent_id=dropped), store("alice", "other", 2)
    with behind_walls(job):
        link = Relationship.objects.create(
            tenant_id="acme", source_id=dropped, target_id=other, relationship_type="about"
        )
        group = ContextGroup.objects.create(tenant_id="acme", name="g")
        GroupMember.objects.create(tenant_id="acme", group=group, entry_id=dropped)
    removed = duplicates.remove(kept, dropped, principal=job)
    with behind_walls(job):
        link.refresh_from_db()
        assert link.source_id == kept
        assert row(child, job).parent_id == kept
        assert GroupMember.objects.filter(group=group, entry_id=kept).exists()
    duplicates.undo(removed.removal_id, principal=job)
    with behind_walls(job):
        link.refresh_from_db()
        assert link.source_id == dropped
        assert row(child, job).parent_id == dropped
        assert not GroupMember.objects.filter(group=group, entry_id=kept).exists()


def test_a_child_that_somebody_holds_stands_in_the_way_of_removal_and_undo(pair, store, job, as_agent):
    kept, dropped = pair
    child = store("alice", "child", parent_id=dropped)
    holder = as_agent("alice", user="u")
    locks.acquire(child, principal=holder)
    with pytest.raises(EntryLocked):
        duplicates.remove(kept, dropped, principal=job)
    assert (row(child, job).sync_version, row(dropped, job).deleted_at) == (1, None)
    locks.force_release(child, principal=job, reason="test")
    removed = duplicates.remove(kept, dropped, principal=job)
    locks.acquire(child, principal=holder)
    with pytest.raises(EntryLocked):
        duplicates.undo(removed.removal_id, principal=job)
    assert (row(child, job).sync_version, row(child, job).parent_id) == (2, kept)


def test_a_relationship_that_the_kept_entry_has_already_is_not_doubled(pair, store, job):
    kept, dropped = pair
    other = store("alice", "other", 2)
    with behind_walls(job):
        for source in pair:
            Relationship.objects.create(tenant_id="acme", source_id=source, target_id=other, relationship_type="about")
    duplicates.remove(kept, dropped, principal=job)
    with behind_walls(job):
        assert Relationship.objects.filter(target_id=other).count() == 2


def test_undo_is_refused_when_one_of_them_was_changed_since(pair, job, as_agent):
    kept, dropped = pair
    removed = duplicates.remove(kept, dropped, principal=job)
    entries.change(
        kept, Change(value="Deploys go out on Mondays", if_present=True), principal=as_agent("alden", user="u")
    )
    with pytest.raises(RemovalMoved):
        duplicates.undo(removed.removal_id, principal=job)
    assert row(dropped, job).deleted_at is not None


def test_held_permanent_and_locked_entries_are_left_alone(pair, store, job, as_agent):
    kept, dropped = pair
    locks.acquire(dropped, principal=as_agent("alice", user="u"))
    with pytest.raises(EntryLocked):
        duplicates.remove(kept, dropped, principal=job)
    with pytest.raises(EntryLocked):
        duplicates.remove(dropped, kept, principal=job)
    locks.force_release(dropped, principal=job, reason="test")
    lifecycle.hold(dropped, principal=job, on=True, reason="court")
    for order in ((kept, dropped), (dropped, kept)):
        with pytest.raises(LegalHold if order[1] == dropped else Exception, match="hold"):
            duplicates.remove(*order, principal=job)
    permanent = store("alice", "p", layer="permanent")
    with pytest.raises(PermanentEntry):
        duplicates.remove(kept, permanent, principal=job)
    assert DuplicateRemoval.objects.count() == 0


def test_a_restricted_category_is_not_opened_by_merging(pair, job, admin):
    kept, dropped = pair
    sharing.save_rules([RuleChange(category="deploys", action="restrict", from_agent="alden")], principal=admin)
    for order in ((kept, dropped), (dropped, kept)):
        with pytest.raises(RestrictedCategory):
            duplicates.remove(*order, principal=job)
    assert [row(entry_id, job).deleted_at for entry_id in pair] == [None, None]


def test_a_copy_gives_no_right_to_write_and_rules_go_by_the_kept_entry(pair, job, as_agent, admin):
    kept, dropped = pair
    for name in ("friend", "reader"):
        as_agent(name)
    share(kept, principal=as_agent("alden"), agent_ids=["alice"])
    share(dropped, principal=as_agent("alice"), agent_ids=["friend"], can_write=True)
    rule = RuleChange(category="deploys", action="share", from_agent="alice", to_agents=("reader",))
    sharing.save_rules([rule], principal=admin)
    with behind_walls(job):
        grants.grant(principal=job, entry_id=dropped, agent_ids=["reader"], reason=Grant.Reason.RULE)
    duplicates.remove(kept, dropped, principal=job)
    assert rights(kept, job) == {"alice": False, "friend": False, "mimic": False}


def test_with_the_same_readers_only_nobody_gains_one(pair, job, as_agent):
    kept, dropped = pair
    share(kept, principal=as_agent("alden"), agent_ids=["alice"])
    with pytest.raises(FurtherReaders):
        duplicates.remove(kept, dropped, principal=job, same_readers=True)
    share(kept, principal=as_agent("alden"), agent_ids=["mimic"])
    duplicates.remove(kept, dropped, principal=job, same_readers=True)
    assert rights(kept, job) == {"alice": False, "mimic": False}


def test_entries_of_another_reach_are_refused(pair, store, job):
    kept, _ = pair
    for fields in ({"scope": "tenant", "user_id": None}, {"user_id": "someone"}):
        with pytest.raises(DifferentReach):
            duplicates.remove(kept, store("alden", f"x{len(fields)}", **fields), principal=job)
    with pytest.raises(Invalid):
        duplicates.remove(kept, kept, principal=job)


def test_stale_versions_strangers_and_readers_are_refused(pair, job, as_agent, other_tenant):
    kept, dropped = pair
    with pytest.raises(EntryStale):
        duplicates.remove(kept, dropped, principal=job, keep_version=7)
    with pytest.raises(NotFound):
        duplicates.remove(kept, dropped, principal=as_agent("alden", user="u"))
    share(dropped, principal=as_agent("alice"), agent_ids=["alden"])
    with pytest.raises(NotGranted):
        duplicates.remove(kept, dropped, principal=as_agent("alden", user="u"))
    removed = duplicates.remove(kept, dropped, principal=job)
    with pytest.raises(NotFound):
        duplicates.undo(removed.removal_id, principal=as_agent("alden", tenant_id=other_tenant))
    with pytest.raises(NotFound):
        duplicates.remove(kept, dropped, principal=job)


def test_erasing_the_kept_entry_takes_the_record_with_it(pair, job):
    kept, dropped = pair
    duplicates.remove(kept, dropped, principal=job)
    deletion.erase(kept, principal=job, reason="asked for")
    assert DuplicateRemoval.objects.count() == 0
