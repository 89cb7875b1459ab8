"""The job that finds duplicates and contradictions: what is compared, what is reported, and what is not."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.conf import settings

from agents_app.models import Conflict, DetectionMark, DuplicateRemoval, SyncRun
from agents_app.services import conflicts, detecting, neighbors
from memoryhub.access.principals import system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, Relationship
from memoryhub.registry.services import deletion, entries, lifecycle, locks
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.registry.services.sharing import share
from memoryhub.search.services import index
from memoryhub.search.services.spaces import active_space

pytestmark = pytest.mark.django_db
TUESDAY, THURSDAY = "Deploys go out on Tuesdays", "Deploys go out on Thursdays"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(settings.CONFIG.agents, "disagreement_delay_seconds", 0)


@pytest.fixture
def store(as_agent):
    def make(key: str, value: Any, agent: str = "alden", **fields: Any):
        draft = Draft(key=key, value=value, **{"scope": "agent", "user_id": "u", "category": "deploys"} | fields)
        return entries.store(draft, principal=as_agent(agent)).entry_id

    return make


@pytest.fixture
def find(as_role, job):
    """Runs the job as jobs do: in the system's role, over all tenants, with the vectors written first."""

    def run(limit: int = 100, *, vectors: bool = True) -> dict[str, int]:
        space = active_space()
        assert space is not None
        if vectors:
            index.embed_lacking(principal=job, space=space)
        with as_role("memoryhub_system"):
            return dict(detecting.work(principal=system_principal("test"), limit=limit))

    return run


def findings(job) -> list[Conflict]:
    with behind_walls(job):
        return list(Conflict.objects.order_by("created_at"))


def test_a_contradiction_is_reported_with_its_reasons_the_older_entry_first(store, find, job):
    older, newer = store("day", TUESDAY), store("weekday", THURSDAY)
    assert find()["contradictions"] == 1
    [found] = findings(job)
    assert (found.kind, found.status, found.entry_id, found.other_id) == ("contradiction", "open", older, newer)
    assert found.confidence is not None
    assert found.confidence >= 0.65
    assert "“tuesdays” against “thursdays”." in found.evidence["why"]
    assert found.evidence["versions"] == {str(older): 1, str(newer): 1}


@pytest.mark.parametrize("vectors", [True, False])
def test_duplicates_of_two_agents_with_a_common_reader_are_found(store, find, job, as_agent, vectors):
    store("a", TUESDAY)
    other = store("b", "We deploy every Tuesday, deploys go out on Tuesdays", "alice")
    assert find(vectors=vectors)["duplicates"] == 0, "nobody reads both"
    share(other, principal=as_agent("alice"), agent_ids=["alden"])
    entries.change(other, Change(value=TUESDAY + ".", if_present=True), principal=as_agent("alice", user="u"))
    assert find(vectors=vectors)["duplicates"] == 1
    assert [row.kind for row in findings(job)] == ["duplicate"]


def test_other_users_categories_scopes_and_tenants_are_not_compared(store, find, job, as_agent):
    store("a", TUESDAY)
    store("b", THURSDAY, user_id="someone")
    store("c", THURSDAY, category="meetings")
    store("d", THURSDAY, scope="tenant", user_id=None)
    tenants.ensure(principal=system_principal("test"), tenant_id="other")
    agents.ensure(principal=system_principal("test", "other"), tenant_id="other", agent_id="alden")
    draft = Draft(key="e", value=THURSDAY, scope="agent", user_id="u", category="deploys")
    entries.store(draft, principal=as_agent("alden", tenant_id="other"))
    assert find()["compared"] == 5
    assert findings(job) == []


def test_aliases_lead_to_one_category(store, find, job, admin):
    from agents_app.services import categories

    store("a", TUESDAY, category="rollout")
    categories.save_alias(principal=admin, alias="rollout", category="deploys")
    store("b", THURSDAY, category="deploys")
    find()
    assert len(findings(job)) == 1


def test_encrypted_deleted_archived_and_ephemeral_entries_are_left_out(store, find, job):
    store("a", TUESDAY)
    store("b", THURSDAY, encrypted=True)
    deletion.delete(store("c", THURSDAY), principal=job)
    lifecycle.archive(store("d", THURSDAY), principal=job)
    store("e", THURSDAY, layer="ephemeral")
    assert find()["compared"] == 1
    assert findings(job) == []


def test_nothing_is_reported_twice_and_a_dismissed_pair_only_after_a_change(store, find, job, as_agent):
    first, _ = store("a", TUESDAY), store("b", THURSDAY)
    assert find()["contradictions"] == 1
    assert find() == {"compared": 0, "duplicates": 0, "contradictions": 0}
    [found] = findings(job)
    conflicts.dismiss(found.pk, principal=job, conflict_version=found.version, reason="two clusters")
    compare_again(job)
    assert find()["contradictions"] == 0
    entries.change(
        first, Change(value="Deploys go out on Mondays", if_present=True), principal=as_agent("alden", user="u")
    )
    assert find()["contradictions"] == 1


def compare_again(job) -> None:
    with behind_walls(job):
        DetectionMark.objects.all().delete()


def test_what_is_related_already_is_not_reported(store, find, job):
    old, new = store("a", TUESDAY), store("b", THURSDAY)
    parent = store("p", "Deploys go out on Fridays")
    store("q", "Deploys go out on Sundays", parent_id=parent, user_id="v")
    with behind_walls(job):
        for target in (old, parent):
            Relationship.objects.create(
                tenant_id="acme", source_id=new, target_id=target, relationship_type="supersedes"
            )
        Relationship.objects.create(tenant_id="acme", source_id=parent, target_id=old, relationship_type="contradicts")
    find()
    assert findings(job) == []


def test_episodes_and_long_texts_do_not_contradict_each_other(store, find, job):
    store("a", TUESDAY, memory_type="episodic")
    store("b", THURSDAY, memory_type="episodic")
    filler = " and so on" * 60
    store("c", "The freeze starts on Monday" + filler, category="long")
    store("d", "The freeze starts on Friday" + filler, category="long")
    find()
    assert [row.kind for row in findings(job) if row.kind == "contradiction"] == []


def test_sure_duplicates_are_removed_only_where_the_setting_says_so(store, find, job, monkeypatch, as_agent):
    monkeypatch.setattr(settings.CONFIG.agents, "remove_duplicates_from", 0.9)
    kept, dropped = store("a", TUESDAY), store("b", TUESDAY)
    locked_one = store("c", {"limit": 5, "unit": "kg"})
    locked_two = store("d", {"unit": "kg", "limit": 5})
    locks.acquire(locked_two, principal=as_agent("alden", user="u"))
    did = find()
    assert did["removed"] == 1
    with behind_walls(job):
        assert ContextEntry.objects.get(pk=dropped).deleted_at is not None
        assert DuplicateRemoval.objects.get().kept_id == kept
    assert [(row.entry_id, row.other_id) for row in findings(job)] in ([(locked_one, locked_two)], [])


def test_what_would_open_a_memory_to_others_is_left_to_a_person(store, find, job, monkeypatch, as_agent):
    monkeypatch.setattr(settings.CONFIG.agents, "remove_duplicates_from", 0.9)
    kept = store("a", TUESDAY)
    as_agent("alice"), as_agent("mimic")
    share(kept, principal=as_agent("alden"), agent_ids=["alice"])
    copy = store("b", TUESDAY, "alice")
    share(copy, principal=as_agent("alice"), agent_ids=["mimic"])
    find()
    assert [(row.kind, row.entry_id, row.other_id) for row in findings(job)] == [("duplicate", kept, copy)]


def test_it_can_be_switched_off(store, find, monkeypatch):
    store("a", TUESDAY)
    store("b", THURSDAY)
    monkeypatch.setattr(settings.CONFIG.agents, "find_disagreements", False)
    assert find()["compared"] == 0


def test_slices_go_on_where_the_last_one_ended(store, find, job):
    for number in range(5):
        store(f"k{number}", f"Note {number}: nothing alike {number * 7}")
    assert [find(2)["compared"] for _ in range(4)] == [2, 2, 1, 0]
    with behind_walls(job):
        assert DetectionMark.objects.get().compared == 5


def test_a_slice_whose_time_is_up_goes_on_after_the_last_entry_that_was_done(store, find, job, monkeypatch):
    for day in ("Tuesdays", "Thursdays", "Mondays", "Fridays"):
        store(day, f"Deploys go out on {day}")
    monkeypatch.setattr(detecting, "compare", partial(detecting.compare, seconds=0.0))
    did = [find() for _ in range(5)]
    assert [one["compared"] for one in did] == [1, 1, 1, 1, 0]
    assert sum(one["contradictions"] for one in did) == 6


def test_a_pair_that_cannot_be_compared_does_not_stop_the_others(store, find, monkeypatch):
    store("broken", "Deploys go out on Mondays")
    store("a", TUESDAY)
    store("b", THURSDAY)
    scored = detecting.verdict_of

    def choosy(pair, likeness):
        if "broken" in (pair.a.key, pair.b.key):
            raise ValueError("cannot be read")
        return scored(pair, likeness)

    monkeypatch.setattr(detecting, "verdict_of", choosy)
    did = find()
    assert (did["compared"], did["contradictions"]) == (3, 1)
    assert find()["compared"] == 0


def test_a_tenant_whose_changes_are_all_archived_is_not_due_for_ever(store, find, job, as_agent):
    entry_id = store("a", TUESDAY)
    find()
    lifecycle.archive(entry_id, principal=as_agent("alden", user="u"))
    assert detecting.due(job) == ["acme"]
    find()
    assert detecting.due(job) == []


def test_an_entry_is_compared_with_a_bounded_number_of_others(store, job, find):
    ids = [
        store(f"k{number}", f"Deploys go out on the {number}th with care") for number in range(neighbors.NEAREST + 6)
    ]
    find(0)
    with behind_walls(job):
        space = active_space()
        assert space is not None
        for model in (space.name, None):
            assert len(neighbors.pairs(ids[:1], "acme", model)) <= neighbors.NEAREST


def test_a_forced_sync_run_compares_everything_of_its_agent_again(store, find, job):
    store("a", TUESDAY)
    store("b", THURSDAY)
    find()
    with behind_walls(job):
        Conflict.objects.all().delete()
        run = SyncRun.objects.create(tenant_id="acme", agent_id="alden", trigger="demand", forced=True)
        plain = SyncRun.objects.create(tenant_id="acme", agent_id="alice", trigger="schedule")
    assert detecting.step(plain, principal=job, limit=10) == {}, "what changed is the job's"
    first = detecting.step(run, principal=job, limit=1)
    assert first["more"] == 1
    rest = [detecting.step(run, principal=job, limit=1) for _ in range(2)]
    assert first["contradictions_found"] + sum(did["contradictions_found"] for did in rest) == 1
    assert "more" not in rest[-1]
    with behind_walls(job):
        assert DetectionMark.objects.exclude(name="").count() == 0


def test_an_entry_that_changed_since_it_was_read_is_not_reported(store, job, as_agent):
    first, _ = store("a", TUESDAY), store("b", THURSDAY)
    with behind_walls(job):
        [pair] = neighbors.pairs([first], "acme", None)
    entries.change(first, Change(value=THURSDAY, if_present=True), principal=as_agent("alden", user="u"))
    verdict = detecting.verdict_of(pair, None)
    assert detecting.handle(pair, verdict, job) == ""
    assert findings(job) == []
