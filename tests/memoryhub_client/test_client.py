"""The synchronous client against a live hub, and its manners when the hub stumbles."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from memoryhub_client import HubError, MemoryClient, NotLocked
from memoryhub_client.client import pause
from memoryhub_client.transport import Transport

live = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client_of(live_server, make_key) -> Iterator[Any]:
    made: list[MemoryClient] = []

    def client(**key: Any) -> MemoryClient:
        made.append(MemoryClient(live_server.url, make_key(**key)))
        return made[-1]

    yield client
    for one in made:
        one.close()


@live
def test_storing_finding_changing_deleting(client_of):
    client = client_of()
    stored = client.store("theme", {"mode": "dark"}, category="user_preferences")
    entry_id = stored["entry_id"]
    assert client.get(entry_id)["value"] == {"mode": "dark"}
    assert client.retrieve("theme", scope="tenant")["entry_id"] == entry_id
    assert [found["entry_id"] for found in client.search("dark", mode="keyword")] == [entry_id]
    client.change(entry_id, {"value": "light"}, version=1)
    with pytest.raises(HubError) as stale:
        client.change(entry_id, {"value": "dim"}, version=1)
    assert stale.value.status == 412
    assert [entry["value"] for entry in client.get_many([entry_id])] == ["light"]
    client.delete(entry_id, version=2)
    assert client.get(entry_id) is None
    assert client.retrieve("theme") is None
    assert client.get_many([entry_id]) == []


@live
def test_a_lock_is_held_for_a_block_and_waited_for(client_of):
    ada, bob = client_of(agent="ada"), client_of(agent="bob")
    entry_id = ada.store("plan", "one")["entry_id"]
    with ada.lock(entry_id, seconds=60, reason="rewriting") as lock:
        lock.renew(90)
        with pytest.raises(NotLocked, match="ada"), bob.lock(entry_id):
            pass
        with pytest.raises(HubError) as refused:
            bob.change(entry_id, {"value": "two"}, version=1)
        assert refused.value.code == "locked"
        ada.change(entry_id, {"value": "two"}, version=1, fence=lock.fence)
        waiting = bob.lock(entry_id, wait=20)
        got: list[bool] = []
        thread = threading.Thread(target=lambda: got.append(waiting.acquire()))
        thread.start()
        first = lock.fence
    thread.join()
    assert got == [True]
    assert first is not None
    assert waiting.fence is not None
    assert waiting.fence > first
    assert waiting.release() is True
    assert waiting.release() is False


class Stumbling(Transport):
    """Fails as it is told before it answers."""

    def __init__(self, *problems: Exception) -> None:
        super().__init__("http://127.0.0.1:1", "none")
        self.problems = list(problems)
        self.keys: list[str | None] = []

    def call_now(self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> Any:
        self.keys.append((headers or {}).get("Idempotency-Key"))
        if self.problems:
            raise self.problems.pop(0)
        return {"success": True}


def test_calls_that_are_safe_to_repeat_are_repeated_with_the_same_key():
    waited: list[float] = []
    transport = Stumbling(ConnectionResetError("gone"), HubError(503, {}, retry_after=2))
    client = MemoryClient(transport=transport, sleep=waited.append)
    assert client.call("POST", "/memory/context/store", {})["success"]
    assert len(set(transport.keys)) == 1
    assert waited[1] == 2
    assert 0 < waited[0] < 1


def test_what_repeating_does_not_better_or_may_not_be_repeated_is_raised_at_once():
    for method, problem in (("GET", HubError(404, {})), ("PATCH", ConnectionResetError("gone"))):
        transport = Stumbling(problem)
        with pytest.raises(type(problem)):
            MemoryClient(transport=transport).call(method, "/memory/x")
        assert len(transport.keys) == 1


def test_a_hub_that_stays_away_is_an_error_after_a_few_tries():
    waited: list[float] = []
    with pytest.raises(OSError, match="refused"), MemoryClient("http://127.0.0.1:1", "x", sleep=waited.append) as away:
        away.get("some-id")
    assert len(waited) == 2


def test_pauses_grow_and_end():
    pauses = [pause(ConnectionResetError(), tried) for tried in range(10)]
    assert pauses[0] < 0.5
    assert max(pauses) <= 5
    assert pause(HubError(429, {}, retry_after=60), 0) == 5
