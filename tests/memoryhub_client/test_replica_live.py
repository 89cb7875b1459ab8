"""The replica against the real hub: what the model was asked, and what only the hub can answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memoryhub.sync.models import HubEpoch
from memoryhub_client import MemoryClient
from memoryhub_client.replica import Replica
from tests.conftest import role
from tests.memoryhub_client import test_replica as shared
from tests.memoryhub_client.live_hub import LiveHub
from tests.memoryhub_client.test_replica import Make, value

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub(live_server) -> Iterator[LiveHub]:
    made = LiveHub(live_server.url)
    yield made
    made.close()


@pytest.fixture
def make(hub: LiveHub, tmp_path: Path) -> Iterator[Make]:
    made: list[Replica] = []

    def replica(agent: str = "ada", user: str | None = None, name: str = "") -> Replica:
        path = tmp_path / f"{agent}{name}.db"
        made.append(Replica(path, hub.client(agent), agent_id=agent, user_id=user))
        return made[-1]

    yield replica
    for one in made:
        one.close()


# collected here as well, with the fixtures of this module
test_offline_edit = shared.test_an_offline_edit_shows_at_once_and_arrives_with_the_sync
test_arrives_and_goes = shared.test_what_others_store_arrives_changes_and_goes
test_deleting = shared.test_deleting_offline
test_two_creations = shared.test_two_offline_creations_of_one_key_are_a_conflict_with_the_hubs_id
test_feed_lags = shared.test_the_answer_is_shown_though_the_feed_lags_behind
test_refused = shared.test_refused_changes_stay_visible_until_somebody_decides
test_own_and_granted = shared.test_own_and_granted_memories_under_one_key
test_encrypted = shared.test_an_encrypted_memory_is_metadata_only


def test_a_lost_answer_is_asked_for_again(hub, make):
    ada = make()
    hub.store("ada", "n", 0)
    ada.sync()
    ada.put("n", 1)
    ada.put("m", 1)
    ada.client.lost = ["push"]
    with pytest.raises(ConnectionResetError):
        ada.sync()
    ada.put("n", 2)
    assert ada.sync().applied == 3
    assert sorted(row[:3] for row in hub.slice("ada").values()) == [("m", 1, 1), ("n", 3, 2)]


def test_stale_edits_are_merged_as_the_owner_wants(hub, make):
    hub.strategies["ada"] = "merge_content"
    first, second = make(name="1"), make(name="2")
    hub.store("ada", "n", {"a": 1, "b": 1})
    for replica in (first, second):
        replica.sync()
    first.put("n", {"a": 2, "b": 1})
    second.put("n", {"a": 1, "b": 3})
    assert first.sync().applied == 1
    assert second.sync().merged == 1
    first.sync()
    assert value(first, "n") == value(second, "n") == {"a": 2, "b": 3}


def test_a_key_that_the_hub_refuses_holds_nothing_up(hub, make):
    ada = make()
    ada.put("k" * 3000, 1)
    ada.put("good", 1)
    ada.put("odd", 1, importance=7)
    report = ada.sync()
    assert (report.applied, report.rejected) == (1, 2)
    assert {change.key[:3] for change in ada.rejected()} == {"kkk", "odd"}
    assert all(change.detail for change in ada.rejected())


def test_a_locked_memory_waits_for_the_next_sync(hub, make):
    ada = make()
    entry_id = hub.store("ada", "n", 1)
    hub.grant(entry_id, "bob", can_write=True)
    ada.sync()
    ada.put("n", 2)
    with hub.clients["bob"].lock(entry_id):
        assert ada.sync().deferred == 1
    assert ada.pending()[0].code == "locked"
    assert ada.sync().applied == 1


def test_erasing_reaches_the_file(hub, make, tmp_path):
    ada = make()
    entry_id = hub.store("ada", "n", "quizzicalzebra")
    ada.sync()
    assert value(ada, "n") == "quizzicalzebra"
    hub.erase(entry_id)
    ada.sync()
    assert ada.get("n") is None
    for path in tmp_path.iterdir():
        assert b"quizzical" not in path.read_bytes(), path


def test_another_agents_key_cannot_feed_a_replica(hub, tmp_path):
    with Replica(tmp_path / "x.db", hub.client("bob"), agent_id="ada") as ada:
        with pytest.raises(Exception, match="agent_mismatch"):
            ada.sync()
        ada.put("k", 1)
        assert value(ada, "k") == 1


def test_a_key_without_an_agent_may_hold_any_replica(hub, tmp_path):
    hub.strategies["ada"] = "manual_review"
    client = MemoryClient(hub.url, hub.admin.transport.api_key)
    with Replica(tmp_path / "x.db", client, agent_id="ada") as ada:
        hub.store("ada", "n", 1)
        ada.sync()
        ada.put("n", 3)
        hub.store("ada", "n", 2)
        assert ada.sync().conflicts == 1
        assert value(ada, "n") == 2
    client.close()


def test_another_epoch_is_followed(hub, make):
    ada = make()
    hub.store("ada", "same", 1)
    hub.store("ada", "other", 1)
    ada.sync()
    ada.put("same", 2)
    ada.put("new", 3)
    epoch = ada.status().epoch
    assert epoch is not None
    with epoch_of(epoch + 1):
        report = ada.sync()
    assert (report.reset, report.applied) == (True, 2)
    assert {e.key: e.value for e in ada.entries()} == {"same": 2, "other": 1, "new": 3}
    assert ada.status().epoch == epoch + 1


@contextmanager
def epoch_of(number: int) -> Iterator[None]:
    """As after a restore from a backup; the table outlives the test."""
    with role("memoryhub_owner"):
        before = HubEpoch.objects.get().epoch
        HubEpoch.objects.update(epoch=number)
    try:
        yield
    finally:
        with role("memoryhub_owner"):
            HubEpoch.objects.update(epoch=before)
