"""The replica against a model of the hub: reading, writing, syncing, losing, restoring."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memoryhub_client.errors import HubError
from memoryhub_client.replica import (
    NotInReplica,
    Replica,
    ReplicaClosed,
    ReplicaDamaged,
    ReplicaError,
    ReplicaFull,
    ReplicaMismatch,
    SyncReport,
    changes,
)
from memoryhub_client.replica.pushing import MOST_CHANGES
from tests.memoryhub_client.fake_hub import FakeClient, FakeHub

Make = Callable[..., Replica]


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def make(hub: FakeHub, tmp_path: Path) -> Iterator[Make]:
    made: list[Replica] = []

    def replica(agent: str = "ada", user: str | None = None, name: str = "") -> Replica:
        path = tmp_path / f"{agent}{name}.db"
        made.append(Replica(path, FakeClient(hub), agent_id=agent, user_id=user))
        return made[-1]

    yield replica
    for one in made:
        one.close()


def value(replica: Replica, key: str):
    found = replica.get(key)
    return found and found.value


def test_an_offline_edit_shows_at_once_and_arrives_with_the_sync(hub, make):
    ada = make()
    entry_id = ada.put("theme", {"mode": "dark"}, category="user_preferences", tags=["ui"])
    found = ada.get("theme")
    assert (found.value, found.pending, found.version, found.own) == ({"mode": "dark"}, True, 0, True)
    assert [e.entry_id for e in ada.search("dark mode")] == [entry_id]
    assert ada.pending()[0].base_version is None
    report = ada.sync()
    assert (report.pushed, report.applied) == (1, 1)
    assert hub.slice("ada") == {entry_id: ("theme", 1, {"mode": "dark"}, False)}
    found = ada.get(entry_id)
    assert (found.pending, found.version, found.document["category"]) == (False, 1, "user_preferences")
    assert ada.pending() == []


def test_what_others_store_arrives_changes_and_goes(hub, make):
    ada = make()
    entry_id = hub.store("bob", "plan", "walk the dog")
    assert ada.sync().pulled == 0
    hub.grant(entry_id, "ada")
    assert ada.sync().pulled == 1
    found = ada.get("plan")
    assert (found.value, found.own, found.can_write, found.agent_id) == ("walk the dog", False, False, "bob")
    hub.store("bob", "plan", "walk the cat")
    ada.sync()
    assert value(ada, "plan") == "walk the cat"
    assert ada.search("dog") == []
    hub.revoke(entry_id, "ada")
    ada.sync()
    assert ada.get("plan") is None
    assert ada.get(entry_id) is None
    assert ada.search("cat") == []


def test_what_was_revoked_leaves_no_trace_on_the_disk(hub, make, tmp_path):
    ada = make()
    for n in range(50):
        hub.store("ada", f"other{n}", f"nothing special {n}")
    entry_id = hub.store("bob", "secret", {"pin": "quizzicalzebra"})
    hub.grant(entry_id, "ada", can_write=True)
    ada.sync()
    ada.put(entry_id, "mine now")
    hub.revoke(entry_id, "ada")
    ada.sync()
    assert ada.rejected()[0].value == "mine now"
    assert ada.rejected()[0].base_value is None
    for path in tmp_path.iterdir():
        assert b"quizzical" not in path.read_bytes(), path


def test_several_edits_of_one_key_are_one_change_with_the_first_base(hub, make):
    ada = make()
    hub.store("ada", "n", 1)
    ada.sync()
    for n in (2, 3, 4):
        ada.put("n", n, **({"importance": 0.9} if n == 2 else {}))
    (change,) = ada.pending()
    assert (change.base_version, change.base_value, change.value) == (1, 1, 4)
    assert change.attributes == {"importance": 0.9}
    assert ada.sync().pushed == 1
    assert hub.slice("ada")[change.entry_id][1:3] == (2, 4)


def test_what_was_made_and_deleted_offline_is_never_sent(hub, make):
    ada = make()
    ada.put("n", 1)
    assert ada.delete("n") is True
    assert ada.delete("n") is False
    assert (ada.get("n"), ada.pending(), ada.sync().pushed) == (None, [], 0)


def test_deleting_offline(hub, make):
    ada = make()
    hub.store("ada", "n", 1)
    ada.sync()
    ada.delete("n")
    assert ada.get("n") is None
    assert ada.search("n") == []
    assert ada.sync().applied == 1
    assert hub.slice("ada") == {}
    ada.put("n", 2)
    ada.sync()
    assert [row[2] for row in hub.slice("ada").values()] == [2]


def test_two_offline_creations_of_one_key_are_a_conflict_with_the_hubs_id(hub, make):
    hub.strategies["ada"] = "manual_review"
    first, second = make(name="1"), make(name="2")
    kept = first.put("theme", "dark")
    given = second.put("theme", "light")
    first.sync()
    report = second.sync()
    assert (report.conflicts, report.applied) == (1, 0)
    found = second.get("theme")
    assert (found.value, found.disputed, found.pending) == ("dark", True, False)
    assert second.get(given).entry_id == kept
    (conflict,) = second.conflicts()
    assert (conflict.offer.value, conflict.kind, conflict.entry_id) == ("light", "creation", kept)
    hub.resolve(conflict.conflict_id, "dim")
    for replica in (first, second):
        replica.sync()
        found = replica.get("theme")
        assert (found.value, found.disputed, found.alternatives) == ("dim", False, [])
        assert replica.conflicts() == []
    (decided,) = second.conflicts(decided=True)
    assert (decided.resolution, decided.offer) == ("manual_review", None)


def test_stale_edits_are_merged_kept_or_disputed_as_the_hub_decides(hub, make):
    first, second = make(name="1"), make(name="2")
    hub.store("ada", "n", {"a": 1, "b": 1})
    for strategy, outcome, shown in (
        ("merge_content", "merged", {"a": 2, "b": 3}),
        ("keep", "kept", {"a": 2, "b": 3, "c": 1}),
        ("manual_review", "conflicts", {"a": 2, "b": 3, "c": 2}),
    ):
        hub.strategies["ada"] = strategy
        first.sync()
        second.sync()
        before = value(first, "n")
        if outcome == "merged":
            first.put("n", before | {"a": 2})
            second.put("n", before | {"b": 3})
        else:
            first.put("n", shown)
            second.put("n", before | {"c": 9})
        first.sync()
        report = second.sync()
        assert getattr(report, outcome) == 1, strategy
        assert value(second, "n") == shown
        assert second.get("n").disputed is (outcome == "conflicts")


def test_the_answer_is_shown_though_the_feed_lags_behind(hub, make):
    hub.strategies["ada"] = "manual_review"
    first, second = make(name="1"), make(name="2")
    hub.store("ada", "n", 1)
    first.sync()
    second.sync()
    hub.relays_at_once = False
    first.put("n", 2)
    second.put("n", 3)
    first.sync()
    second.sync()
    assert (value(first, "n"), first.get("n").pending) == (2, False)
    assert (value(second, "n"), second.get("n").disputed) == (2, True)
    hub.relay()
    second.sync()
    assert (value(second, "n"), second.get("n").version) == (2, 2)


def test_refused_changes_stay_visible_until_somebody_decides(hub, make):
    ada = make()
    entry_id = hub.store("bob", "plan", "walk")
    hub.grant(entry_id, "ada")
    ada.sync()
    ada.put(entry_id, "run")
    assert value(ada, "plan") == "run"
    assert ada.sync().rejected == 1
    assert value(ada, "plan") == "walk"
    (refused,) = ada.rejected()
    assert (refused.code, refused.value) == ("agent_mismatch", "run")
    assert ada.sync().pushed == 0
    hub.grant(entry_id, "ada", can_write=True)
    fresh = ada.retry(refused.change_id)
    assert fresh != refused.change_id
    assert value(ada, "plan") == "run"
    assert ada.sync().applied == 1
    assert hub.slice("bob")[entry_id][2] == "run"
    with pytest.raises(NotInReplica):
        ada.retry(fresh)


def test_of_two_edits_under_two_ids_of_one_entry_the_older_stays_visible(hub, make):
    ada = make()
    kept = hub.store("ada", "hubs", "committed")
    ada.sync()
    given = ada.put("made here", "older", tags=["x"])
    ada.put(kept, "newer")
    with ada._file.transaction() as db:
        changes.rename(db, given, kept)
    (older,) = ada.rejected()
    assert (older.code, older.value, older.entry_id, older.attributes) == ("superseded", "older", kept, {"tags": ["x"]})
    assert [change.value for change in ada.pending()] == ["newer"]
    assert (value(ada, "hubs"), ada.get(given).entry_id) == ("newer", kept)
    with pytest.raises(ReplicaError, match="newer edit"):
        ada.retry(older.change_id)
    assert ada.sync().applied == 1
    ada.discard(older.change_id)
    assert (value(ada, "hubs"), ada.rejected()) == ("newer", [])


def test_a_refused_change_can_be_discarded(hub, make):
    ada = make()
    entry_id = hub.store("bob", "plan", "walk")
    hub.grant(entry_id, "ada")
    ada.sync()
    ada.put(entry_id, "run")
    ada.sync()
    ada.discard(ada.rejected()[0].change_id)
    assert ada.rejected() == []


def test_what_is_locked_waits_for_the_next_sync(hub, make):
    ada = make()
    entry_id = hub.store("ada", "n", 1)
    ada.sync()
    ada.put("n", 2)
    ada.put("m", 1)
    hub.locked.add(entry_id)
    report = ada.sync()
    assert (report.applied, report.deferred, report.rejected) == (1, 1, 0)
    (waits,) = ada.pending()
    assert (waits.state, waits.code, value(ada, "n")) == ("waiting", "locked", 2)
    ada.put("n", 3)
    hub.locked.clear()
    assert ada.sync().applied == 1
    assert hub.slice("ada")[entry_id][1:3] == (2, 3)


def test_own_and_granted_memories_under_one_key(hub, make):
    ada = make()
    granted = hub.store("bob", "plan", "walk")
    hub.grant(granted, "ada")
    ada.sync()
    own = ada.put("plan", "swim")
    assert own != granted
    assert value(ada, "plan") == "swim"
    assert value(ada, granted) == "walk"
    hub.grant(granted, "ada", can_write=True)
    ada.sync()
    ada.delete("plan")
    assert ada.put("plan", "sail") == granted


def test_users_are_kept_apart(hub, make):
    bound, whole = make(user="u1", name="b"), make(name="w")
    hub.store("ada", "theme", "general")
    hub.store("ada", "theme", "for u1", user_id="u1")
    hub.store("ada", "theme", "for u2", user_id="u2")
    hub.store("ada", "size", 12)
    for replica in (bound, whole):
        replica.sync()
    assert (value(bound, "theme"), value(bound, "size"), len(bound.entries())) == ("for u1", 12, 3)
    assert value(whole, "theme") == "general"
    assert whole.get("theme", user_id="u2").value == "for u2"
    whole.put("theme", "new for u3", user_id="u3")
    bound.put("theme", "changed")
    whole.sync()
    bound.sync()
    values = {e.user_id: e.value for e in hub.state.entries.values() if e.key == "theme"}
    assert values == {None: "general", "u1": "changed", "u2": "for u2", "u3": "new for u3"}


def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(hub, make):
    ada = make()
    hub.store("ada", "n", 0)
    ada.sync()
    ada.put("n", 1)
    ada.put("m", 1)
    ada.client.lost = ["push", "push"]
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            ada.sync()
    ada.put("n", 2)
    assert [c.state for c in ada.pending()] == ["sent", "sent", "waiting"]
    report = ada.sync()
    assert (report.pushed, report.applied) == (3, 3)
    assert sorted(e.values for e in hub.state.entries.values()) == [[0, 1, 2], [1]]


def test_edits_made_while_a_sync_is_running_are_not_lost(hub, make):
    ada = make()
    ada.put("n", 1)
    push = hub.push

    def edited_meanwhile(*given):
        results = push(*given)
        if value(ada, "n") == 1:
            ada.put("n", 2)
            ada.put("late", "yes")
        return results

    hub.push = edited_meanwhile
    assert ada.sync().applied == 1
    assert (value(ada, "n"), value(ada, "late")) == (2, "yes")
    (second, _) = ada.pending()
    assert (second.base_version, second.base_value) == (1, 1)
    assert ada.sync().applied == 2
    assert {e.key: e.value for e in hub.state.entries.values()} == {"n": 2, "late": "yes"}


def test_many_changes_go_in_several_requests(hub, make):
    ada = make()
    count = MOST_CHANGES + 30
    for n in range(count):
        ada.put(f"k{n}", n)
    assert ada.sync().applied == count
    ada.put("big1", "x" * 500_000)
    ada.put("big2", "y" * 500_000)
    sizes: list[int] = []
    push = hub.push

    def weighed(agent, replica, changes):
        sizes.append(len(changes))
        return push(agent, replica, changes)

    hub.push = weighed
    ada.sync()
    assert sizes == [1, 1]


def test_one_change_that_the_hub_cannot_take_does_not_hold_up_the_others(hub, make):
    ada = make()
    for n in range(5):
        ada.put(f"k{n}", n)
    push = hub.push

    def picky(agent, replica, changes):
        if any(change["key"] == "k3" for change in changes):
            raise HubError(400, {"code": "invalid", "detail": "k3 is no good key."})
        return push(agent, replica, changes)

    hub.push = picky
    report = ada.sync()
    assert (report.applied, report.rejected) == (4, 1)
    assert (ada.rejected()[0].key, ada.rejected()[0].detail) == ("k3", "k3 is no good key.")


def test_a_restored_hub_is_followed_and_unpushed_edits_survive(hub, make):
    ada = make()
    same = hub.store("ada", "same", 1)
    moved = hub.store("ada", "moved", 1)
    backup = hub.backup()
    lost = hub.store("ada", "lost", 1)
    hub.store("ada", "moved", 2)
    ada.sync()
    for key in ("same", "moved", "lost", "new"):
        ada.put(key, "edited")
    hub.strategies["ada"] = "manual_review"
    hub.restore(backup)
    report = ada.sync()
    assert report.reset is True
    assert (report.applied, report.conflicts, report.rejected) == (3, 1, 0)
    values = {e.key: e.value for e in hub.state.entries.values()}
    assert values == {"same": "edited", "moved": 1, "lost": "edited", "new": "edited"}
    assert same in hub.slice("ada")
    assert lost in hub.slice("ada")
    assert ada.conflicts()[0].entry_id == moved
    assert ada.status().epoch == 2


def test_an_offer_whose_conflict_a_restore_has_lost_is_not_dropped(hub, make):
    hub.strategies["ada"] = "manual_review"
    ada = make()
    hub.store("ada", "n", 1)
    ada.sync()
    backup = hub.backup()
    hub.store("ada", "n", 2)
    ada.put("n", 3)
    assert ada.sync().conflicts == 1
    hub.restore(backup)
    ada.sync()
    assert ada.conflicts() == []
    (rescued,) = ada.rejected()
    assert (rescued.code, rescued.value) == ("conflict_lost", 3)
    assert value(ada, "n") == 1
    ada.retry(rescued.change_id)
    assert ada.sync().conflicts == 1


def test_old_tombstones_may_be_forgotten(hub, make):
    ada = make()
    entry_id = hub.store("ada", "old", 1)
    ada.sync()
    hub.delete(entry_id)
    hub.store("ada", "new", 1)
    hub.purge("ada")
    assert ada.sync().reset is True
    assert [e.key for e in ada.entries()] == ["new"]


def test_what_went_before_the_feed_was_first_read_is_noticed(hub, make):
    hub.strategies["ada"] = "manual_review"
    ada = make()
    disputed = hub.store("ada", "m", 1)
    entry_id = ada.put("n", 1)
    ada.put("m", 2)
    read = hub.changes

    def cut_off(agent, *, limit, **asked):
        if limit > 1:
            raise ConnectionResetError("after the push")
        return read(agent, limit=limit, **asked)

    hub.changes = cut_off
    with pytest.raises(ConnectionResetError):
        ada.sync()
    assert (value(ada, "n"), len(ada.conflicts()), ada.status().cursor) == (1, 1, 0)
    hub.changes = read
    hub.delete(entry_id)
    hub.erase(disputed)
    hub.purge("ada")
    ada.sync()
    assert (ada.entries(), ada.conflicts()) == ([], [])
    assert [(change.value, change.code) for change in ada.rejected()] == [(2, "conflict_lost")]


def test_forgotten_tombstones_cost_no_edit_its_base(hub, make):
    hub.strategies["ada"] = "merge_content"
    ada = make()
    hub.store("ada", "n", {"a": 1, "b": 1})
    old = hub.store("ada", "old", 1)
    ada.sync()
    ada.put("n", {"a": 2, "b": 1})
    hub.store("ada", "n", {"a": 1, "b": 2})
    hub.delete(old)
    hub.purge("ada")
    report = ada.sync()
    assert (report.reset, report.merged) == (True, 1)
    assert value(ada, "n") == {"a": 2, "b": 2}


def test_a_deletion_of_what_a_restore_changed_is_asked_about(hub, make):
    ada = make()
    hub.store("ada", "n", 1)
    backup = hub.backup()
    hub.store("ada", "n", 2)
    ada.sync()
    ada.delete("n")
    hub.restore(backup)
    ada.sync()
    assert value(ada, "n") == 1
    (refused,) = ada.rejected()
    assert (refused.op, refused.code) == ("delete", "stale")
    ada.retry(refused.change_id)
    assert ada.sync().applied == 1
    assert hub.slice("ada") == {}


def test_what_was_erased_takes_edits_and_offers_with_it(hub, make, tmp_path):
    hub.strategies["ada"] = "manual_review"
    ada = make()
    entry_id = hub.store("ada", "n", "quizzicalzebra one")
    ada.sync()
    hub.store("ada", "n", "quizzicalzebra two")
    ada.put("n", "quizzicalzebra three")
    assert ada.sync().conflicts == 1
    hub.erase(entry_id)
    push = hub.push
    hub.push = lambda *given: (push(*given), ada.put("n", "quizzicalzebra five"))[0]
    ada.put("other", 1)
    ada.sync()
    (erased,) = ada.rejected()
    assert (erased.code, erased.value) == ("erased", None)
    assert ada.conflicts() == ada.conflicts(decided=True) == []
    with pytest.raises(ReplicaError, match="Discard"):
        ada.retry(erased.change_id)
    for path in tmp_path.iterdir():
        assert b"quizzical" not in path.read_bytes(), path


def test_an_encrypted_memory_is_metadata_only(hub, make):
    ada = make()
    hub.store("ada", "secret", "ciphertext", encrypted=True)
    ada.sync()
    found = ada.get("secret")
    assert (found.value, found.metadata_only) == (None, True)
    assert ada.search("ciphertext") == []


def test_what_has_expired_is_not_shown(hub, make):
    ada = make()
    hub.store("ada", "old", "stale words", expires_at="2020-01-01T00:00:00Z")
    hub.store("ada", "new", "fresh words", expires_at="2999-01-01T00:00:00Z")
    ada.sync()
    assert ada.get("old") is None
    assert [e.key for e in ada.search("words")] == ["new"]


@pytest.mark.parametrize("text", ['"', "a OR", "NEAR(", "key:x*", "", "  ", "-", "'; --", "\x00", "ünï^*"])
def test_no_text_breaks_the_search(make, text):
    ada = make()
    ada.put("k", "any OR near unicode uni")
    ada.search(text)


def test_search_puts_the_better_match_first_and_ignores_accents(make):
    ada = make()
    ada.put("one", "coffee in the morning")
    ada.put("two", "Café coffee, always coffee")
    ada.put("user_coffee_preference", "espresso")
    assert ada.search("cafe coffee")[0].key == "two"
    assert {e.key for e in ada.search("coffee", limit=2)} < {"one", "two", "user_coffee_preference"}
    assert [e.key for e in ada.search("preference")] == ["user_coffee_preference"]


def test_values_that_are_no_json_and_unknown_attributes_are_refused(make):
    ada = make()
    for wrong in (float("nan"), {1, 2}, object()):
        with pytest.raises((TypeError, ValueError)):
            ada.put("k", wrong)
    with pytest.raises(TypeError, match="colour"):
        ada.put("k", 1, colour="red")
    with pytest.raises(NotInReplica):
        ada.put("01890000-0000-7000-8000-000000000000", 1)
    assert ada.pending() == []


def test_the_file_belongs_to_one_agent_and_one_user(make, hub, tmp_path):
    make().put("k", 1)
    with pytest.raises(ReplicaMismatch, match="agent ada"):
        Replica(tmp_path / "ada.db", FakeClient(hub), agent_id="bob")
    with pytest.raises(ReplicaMismatch):
        Replica(tmp_path / "ada.db", FakeClient(hub), agent_id="ada", user_id="u1")


def test_a_file_of_a_newer_client_is_refused(make, hub, tmp_path):
    make().close()
    with sqlite3.connect(tmp_path / "ada.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ReplicaMismatch, match="newer"):
        make()


def test_a_damaged_file_says_so(hub, make, tmp_path):
    (tmp_path / "ada.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(ReplicaDamaged, match="not a replica"):
        make()
    bob = make("bob")
    for n in range(200):
        bob.put(f"k{n}", "x" * 500)
    bob.close()
    path = tmp_path / "bob.db"
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises(ReplicaDamaged, match="Move the file away"):
        make("bob").entries()


def test_a_folder_that_is_not_there_says_so(hub, tmp_path):
    with pytest.raises(ReplicaError, match="folder"):
        Replica(tmp_path / "nowhere" / "a.db", FakeClient(hub), agent_id="ada")


def test_a_full_disk_says_so_and_changes_nothing(make):
    ada = make()
    ada.put("k", "small")
    with ada._file.transaction() as db:
        pages = db.execute("PRAGMA page_count").fetchall()[0][0]
    ada._file._writer.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    with pytest.raises(ReplicaFull, match="Free some space"):
        ada.put("k", "x" * 1_000_000)
    assert value(ada, "k") == "small"
    ada._file._writer.execute("PRAGMA max_page_count = 100000").fetchall()
    ada.put("k", "x" * 1_000_000)


def test_a_closed_replica_says_so(make):
    ada = make()
    ada.close()
    ada.close()
    for act in (lambda: ada.get("k"), lambda: ada.put("k", 1), ada.sync):
        with pytest.raises(ReplicaClosed):
            act()


def test_threads_share_a_replica(hub, make):
    ada = make()

    def work(number: int) -> None:
        for n in range(15):
            ada.put(f"t{number}", n)
            assert value(ada, f"t{number}") == n
            ada.search("t")
            if n % 5 == 0:
                ada.sync()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    ada.sync()
    assert {e.key: e.value for e in hub.state.entries.values()} == {f"t{n}": 14 for n in range(4)}


def test_two_openers_of_one_file_see_each_others_edits(hub, make):
    one, two = make(), make()
    one.put("k", 1)
    assert value(two, "k") == 1
    two.put("k", 2)
    assert (value(one, "k"), len(one.pending())) == (2, 1)
    assert two.sync().applied == 1
    assert one.sync() == SyncReport()
    assert one.get("k").pending is False


def test_the_file_is_readable_for_its_owner_only(make, tmp_path):
    make().put("k", 1)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_status_tells_where_the_replica_stands(hub, make):
    ada = make()
    before = ada.status()
    assert (before.replica_id, before.epoch, before.cursor, before.last_sync_at) == (None, None, 0, None)
    ada.put("k", 1)
    assert ada.status().pending == 1
    ada.sync()
    after = ada.status()
    assert (after.epoch, after.cursor, after.entries, after.pending) == (1, 1, 1, 0)
    assert after.last_sync_at


def test_killed_between_any_two_statements_it_goes_on(hub, make, tmp_path):
    """What lies on the disk before each statement of a sync is what a process leaves that is killed there."""
    hub.strategies["ada"] = "manual_review"
    ada = make()
    for key in ("a", "b", "c"):
        hub.store("ada", key, {"text": f"the first {key}"})
    shared = hub.store("bob", "s", "shared")
    hub.grant(shared, "ada")
    ada.sync()
    hub.store("ada", "a", "of the hub")
    hub.revoke(shared, "ada")
    ada.put("a", "stale")
    ada.put("b", "changed")
    ada.put("n", "new")
    ada.delete("c")
    left = copies_at_each_statement(ada, tmp_path)
    assert len(left) > 5
    for folder in left:
        with Replica(folder / "ada.db", FakeClient(hub), agent_id="ada") as again:
            again.sync()
            shown = {e.entry_id: (e.key, e.version, e.value, e.disputed) for e in again.entries()}
            assert shown == hub.slice("ada"), folder
            assert again.pending() == again.rejected() == []
            (conflict,) = again.conflicts()
            assert conflict.offer is not None
            assert conflict.offer.value == "stale"
            assert again.search("shared") == []
            assert again._file.read("PRAGMA integrity_check") == [("ok",)]
    assert [e.value for e in hub.state.entries.values() if e.key == "b"] == ["changed"]


def copies_at_each_statement(replica: Replica, tmp_path: Path) -> list[Path]:
    """Each state of the files once: most statements change nothing on the disk before their transaction ends."""
    made: list[Path] = []
    seen: set[tuple[bytes, ...]] = set()

    def copy(statement: str) -> None:
        state = tuple((tmp_path / name).read_bytes() for name in ("ada.db", "ada.db-wal"))
        if state in seen:
            return
        seen.add(state)
        made.append(tmp_path / f"kill{len(made)}")
        made[-1].mkdir()
        for name, raw in zip(("ada.db", "ada.db-wal"), state, strict=True):
            (made[-1] / name).write_bytes(raw)

    replica._file._writer.set_trace_callback(copy)
    replica.sync()
    replica._file._writer.set_trace_callback(None)
    return made
