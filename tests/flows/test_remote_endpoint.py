"""A running hub whose embeddings come from an endpoint that hangs, goes down and comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.hub import Hub, running_hub
from memoryhub.search.embeddings.hashing import DIMENSION
from tests.search.embeddings import endpoint_server as days
from tests.search.embeddings.endpoint_server import KEY
from tests.waiting import until

pytestmark = pytest.mark.long


class Caller:
    """An agent of the hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.key = hub.key()

    def store(self, number: int) -> None:
        body = {"key": f"k{number}", "value": f"dark theme {number}", "scope": "tenant", "layer": "long_term"}
        self.hub.call(self.key, "POST", "/memory/context/store", body)

    def search(self, query: str) -> dict[str, Any]:
        return self.hub.call(self.key, "POST", "/memory/context/search", {"query": query})

    def part(self, name: str) -> dict[str, Any]:
        return dict(self.hub.call(self.key, "GET", "/memory/health")["parts"][name])

    def embedded(self) -> bool:
        return bool(self.part("search")["waiting"] == 0)

    def answers_in_full(self) -> bool:
        return not self.search("theme")["degraded"]


@pytest.fixture
def port() -> int:
    """Of an endpoint that is not there yet."""
    with days.running() as server:
        return server.server_port


@pytest.fixture
def caller(port: int) -> Iterator[Caller]:
    remote = {"URL": f"http://127.0.0.1:{port}/v1", "MODEL": "m", "DIMENSION": str(DIMENSION), "API_KEY": KEY}
    settings = {f"MEMORYHUB_SEARCH__REMOTE__{name}": value for name, value in remote.items()}
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="remote", **settings) as hub:
        yield Caller(hub)


def test_the_hub_goes_on_without_its_endpoint_and_makes_everything_good(caller: Caller, port: int) -> None:
    caller.store(1)
    assert caller.search("theme")["degraded"], "nobody is there yet"
    with days.running(port) as server:
        until(caller.embedded, 60, "the first vectors")
        until(caller.answers_in_full, 60, "a search in full")

        silence = threading.Event()
        server.react = days.after(silence)
        caller.store(2)
        until(lambda: caller.search("another theme")["degraded"], 30, "a search by keyword")
        silence.set()
        server.react = days.well
        until(caller.embedded, 60, "the vectors that waited")

    for number in range(3, 30):
        caller.store(number)
    until(lambda: caller.search("a third theme")["degraded"], 30, "a search by keyword")
    until(lambda: "127.0.0.1" in caller.part("search")["problem"], 30, "health to name the endpoint")
    assert caller.part("search")["waiting"] > 0

    with days.running(port):
        until(caller.embedded, 90, "everything to be made good")
        until(caller.answers_in_full, 60, "a search in full")
    assert caller.part("outbox")["parked"] == 0
    assert KEY not in (caller.hub.home / "logs" / "hub.log").read_text()
