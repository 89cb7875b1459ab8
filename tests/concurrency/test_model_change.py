"""The search model changes, there and back, while agents search and store: no search fails, and none is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import building, space_changes, spaces
from memoryhub.search.services.search import search
from memoryhub.search.services.spaces import State, Wanted
from memoryhub.search.vector_store import VectorStore
from memoryhub.sync.services import relay
from tests.conftest import role
from tests.sync.mirror import registered
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = Principal(kind="key", name="a", tenant_id="acme", agent_id="a", permissions=frozenset({"read", "write"}))
BOSS = Principal(kind="staff", name="ada", permissions=frozenset({"read", "write", "admin"}))
SYSTEM = system_principal("test")
ROWS = 120
SECONDS = 60


class Drill:
    """What is known to be findable, and what went wrong."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.findable: dict[UUID, str] = {}
        self.wrong: list[str] = []
        self.searches = 0
        self.stored = 0

    def store(self) -> tuple[UUID, str]:
        self.stored += 1
        text = f"note {self.stored} about subject s{self.stored * 7919}x"
        return entries.store(Draft(key=f"k{self.stored}", value=text), principal=AGENT).entry_id, text

    def check(self, wanted: UUID, text: str) -> bool:
        """Its own text finds a memory first, in whichever space: its vector is nearer than any other."""
        answer = search(principal=AGENT, query=text, mode="semantic", limit=3)
        self.searches += 1
        return not answer.degraded and bool(answer.results) and answer.results[0]["id"] == wanted

    # -- threads --------------------------------------------------------------------------------------

    def searching(self) -> None:
        while not self.stop.is_set():
            for wanted, text in list(self.findable.items()):
                if not self.check(wanted, text):
                    self.wrong.append(f"{text} was not found first in {spaces.active_space()}")
                if self.stop.is_set():
                    return

    def storing(self) -> None:
        waiting: list[tuple[UUID, str]] = []
        while not self.stop.is_set():
            waiting.append(self.store())
            for pair in list(waiting):
                if self.check(*pair):
                    self.findable[pair[0]] = pair[1]
                    waiting.remove(pair)

    def delivering(self) -> None:
        with role("memoryhub_system"):
            while not self.stop.is_set():
                relay.run_once()
                self.stop.wait(0.02)

    def building(self) -> None:
        with role("memoryhub_system"):
            while not self.stop.is_set():
                building.work(principal=SYSTEM, seconds=0.2)
                self.stop.wait(0.05)


@pytest.fixture
def drill(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    monkeypatch.setattr(spaces, "CACHE_SECONDS", 0.3)
    tenants.ensure(principal=SYSTEM, tenant_id="acme")
    found = Drill()
    with registered(VectorStore()):
        for _ in range(ROWS):
            found.findable.update([found.store()])
        with role("memoryhub_system"):
            relay.run_once()
        yield found


def active() -> str:
    return VectorSpace.objects.get(state=State.ACTIVE).name


def test_no_search_fails_and_none_is_wrong_while_the_model_changes(drill: Drill) -> None:
    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            drill.stop.set()
            raise
        finally:
            connection.close()

    before = active()
    with ThreadPoolExecutor(5) as pool:
        works = (drill.searching, drill.searching, drill.storing, drill.delivering, drill.building)
        running = [pool.submit(run, work) for work in works]
        try:
            space_changes.start(principal=BOSS, wanted=Wanted("hashing", {"dimension": 64}, 40))
            until(lambda: active() == "hashing-64/said-40", SECONDS)
            seen(drill, 100)
            space_changes.roll_back(principal=BOSS)
            until(lambda: active() == before, SECONDS)
            seen(drill, 100)
        finally:
            drill.stop.set()
        for done in running:
            done.result(SECONDS)
    assert drill.wrong == []
    assert len(drill.findable) > ROWS, "what was stored meanwhile is found"


def seen(drill: Drill, searches: int) -> None:
    """Waits for so many searches more."""
    wanted = drill.searches + searches
    until(lambda: drill.searches >= wanted or drill.stop.is_set(), SECONDS)
