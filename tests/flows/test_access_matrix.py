"""No access without a grant: every ordered pair of agents at every door.

Where the owner's request answers with the memory, the outsider's same request finds nothing; with a grant it finds
it, which is on record once per request; after the grant is revoked it finds nothing again. A new door is one more
line in DOORS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import override_settings

from agents_app.stream import asking
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from memoryhub.search.requests import MODES
from tests.agents_app.feeds import relay
from tests.conftest import HubClient
from tests.search.conftest import embed

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Caller:
    """An agent of a tenant; ``bound``: by a key of its own, else by a key of no agent that names it."""

    tenant: str
    agent: str
    bound: bool

    def __str__(self) -> str:
        return f"{self.tenant}-{self.agent}"


CALLERS = (
    Caller("acme", "alden", bound=True),
    Caller("acme", "alice", bound=True),
    Caller("acme", "sentry", bound=False),
    Caller("globex", "alden", bound=True),
    Caller("globex", "mimic", bound=False),
)


@dataclass(frozen=True)
class Memory:
    """An agent's memory below a parent that all of the tenant see. ``word`` is asked for, ``secret`` stands beside it
    and nowhere else.
    """

    word: str
    secret: str
    key: str
    entry_id: str
    parent_id: str
    conflict_id: str

    @property
    def put(self) -> str:
        """What a stream says of it while it is in a slice."""
        return f'"kind":"put","entry_id":"{self.entry_id}"'


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: dict[str, Any] | None = None
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


Ask = Callable[[str, Memory], Request]


@dataclass(frozen=True)
class Door:
    """``ask``: the request of an agent about a memory. ``shows``: what of the memory stands in a good answer.

    ``missing``: an outsider gets 404; else an answer without the memory is as good. ``audited``: reading is on record.
    ``undo``: what follows a good answer, so that the next caller meets the same state.
    """

    name: str
    ask: Ask
    shows: str = "secret"
    missing: bool = False
    audited: bool = True
    undo: Callable[[Memory, dict[str, Any]], Request] | None = None

    def __str__(self) -> str:
        return self.name


def entry(memory: Memory, tail: str = "") -> str:
    return f"context/{memory.entry_id}{tail}"


def beside(memory: Memory, tail: str) -> str:
    return f"context/{memory.parent_id}{tail}"


def conflict(memory: Memory, tail: str = "") -> str:
    return f"agents/conflicts/{memory.conflict_id}{tail}"


def searching(mode: str) -> list[Door]:
    return [
        Door(
            f"search {mode}",
            lambda agent, memory: Request("POST", "context/search", {"query": memory.word, "mode": mode}),
        ),
        Door(
            f"agents search {mode}",
            lambda agent, memory: Request(
                "POST", f"agents/{agent}/search", {"query": memory.word, "search_type": mode}
            ),
        ),
    ]


DOORS = [
    Door("get", lambda agent, memory: Request("GET", entry(memory)), missing=True),
    Door("retrieve", lambda agent, memory: Request("POST", "context/retrieve", {"key": memory.key}), missing=True),
    Door(
        "retrieve in scope",
        lambda agent, memory: Request("POST", "context/retrieve", {"key": memory.key, "scope": "agent"}),
        missing=True,
    ),
    Door("batch by ids", lambda agent, memory: Request("POST", "context/batch-get", {"ids": [memory.entry_id]})),
    Door("batch by keys", lambda agent, memory: Request("POST", "context/batch-get", {"keys": [memory.key]})),
    *[door for mode in MODES for door in searching(mode)],
    Door("slice", lambda agent, memory: Request("GET", f"agents/{agent}/slice")),
    Door("feed", lambda agent, memory: Request("GET", f"agents/{agent}/changes")),
    Door("stream", lambda agent, memory: Request("GET", f"agents/{agent}/stream"), shows="put", audited=False),
    Door("versions", lambda agent, memory: Request("GET", entry(memory, "/versions")), missing=True),
    Door("children", lambda agent, memory: Request("GET", beside(memory, "/children"))),
    Door("related", lambda agent, memory: Request("GET", beside(memory, "/related"))),
    Door(
        "relationships",
        lambda agent, memory: Request("GET", beside(memory, "/relationships")),
        shows="entry_id",
        audited=False,
    ),
    Door(
        "own relationships",
        lambda agent, memory: Request("GET", entry(memory, "/relationships")),
        shows="entry_id",
        missing=True,
    ),
    Door(
        "conflicts",
        lambda agent, memory: Request("GET", "agents/conflicts", query={"entry_id": memory.entry_id}),
        shows="conflict_id",
        audited=False,
    ),
    Door("conflict", lambda agent, memory: Request("GET", conflict(memory)), missing=True),
    Door(
        "conflict preview",
        lambda agent, memory: Request("POST", conflict(memory, "/preview"), {}),
        missing=True,
    ),
    Door(
        "grants",
        lambda agent, memory: Request("GET", entry(memory, "/grants")),
        shows="entry_id",
        missing=True,
        audited=False,
    ),
    Door(
        "lock state",
        lambda agent, memory: Request("GET", entry(memory, "/lock")),
        shows="entry_id",
        missing=True,
        audited=False,
    ),
    Door(
        "lock",
        lambda agent, memory: Request("POST", entry(memory, "/lock"), {"seconds": 60}),
        shows="entry_id",
        missing=True,
        audited=False,
        undo=lambda memory, answer: Request(
            "DELETE", entry(memory, "/lock"), headers={"Lock-Fence": str(answer["fence"])}
        ),
    ),
    Door(
        "change",
        lambda agent, memory: Request("PATCH", entry(memory), {"metadata": {"seen": agent}}, headers={"If-Match": "*"}),
        shows="entry_id",
        missing=True,
        audited=False,
    ),
    Door(
        "restore",
        lambda agent, memory: Request("POST", entry(memory, "/restore"), {"version": 1}),
        shows="entry_id",
        missing=True,
        audited=False,
    ),
    Door(
        "archive",
        lambda agent, memory: Request("POST", entry(memory, "/archive"), {}),
        shows="entry_id",
        missing=True,
        audited=False,
        undo=lambda memory, answer: Request("POST", entry(memory, "/unarchive"), {}),
    ),
    Door(
        "reinforce",
        lambda agent, memory: Request("POST", entry(memory, "/reinforce"), {}),
        shows="entry_id",
        missing=True,
        audited=False,
    ),
]


def send(client: HubClient, request: Request) -> Any:
    address = f"/memory/{request.path}"
    if request.path.endswith("/stream"):
        return listen(client, address)
    if request.method == "GET":
        return client.get(address, request.query)
    return getattr(client, request.method.lower())(address, request.body, headers=request.headers)


@dataclass(frozen=True)
class Heard:
    content: bytes
    status_code: int = 200


def listen(client: HubClient, address: str) -> Any:
    """What the stream's process would send: it asks this door first, and then for the items."""
    with override_settings(ROOT_URLCONF=asking.URLCONF):
        answer: Any = client.get(address)
    if answer.status_code != 200:
        return answer
    return Heard(b"".join(item.event for item in asking.items_after(answer.to.principal, 0)))


class Stage:
    """The callers with their clients, and a memory of each owner that is asked for."""

    def __init__(self, api: Any) -> None:
        self.clients = {caller: self.client(api, caller) for caller in CALLERS}

    def client(self, api: Any, caller: Caller) -> HubClient:
        bound: HubClient = api(tenant=caller.tenant, agent=caller.agent)
        if caller.bound:
            return bound
        unbound: HubClient = api(tenant=caller.tenant, acting=caller.agent)
        return unbound

    def remember(self, owner: Caller) -> Memory:
        client = self.clients[owner]
        word, secret = (f"{name}{uuid4().hex[:10]}" for name in ("zebra", "secret"))
        parent = self.made(client, Request("POST", "context/store", {"key": f"parent {word[5:]}", "value": 1}))
        body = {"key": f"key-{word}", "value": f"{word} {secret}", "scope": "agent", "parent_id": parent["entry_id"]}
        made = self.made(client, Request("POST", "context/store", body))
        self.made(client, Request("POST", "context/store", body))
        offer = {"entry_id": made["entry_id"], "base_version": 1, "value": f"{word} {secret} too"}
        submitted = Request("POST", "agents/conflicts", offer | {"strategy": "manual_review"})
        disputed = self.made(client, submitted)["conflict_id"]
        memory = Memory(word, secret, body["key"], made["entry_id"], parent["entry_id"], disputed)
        link = {"target_id": memory.entry_id, "relationship_type": "supports"}
        self.made(client, Request("POST", beside(memory, "/relationships"), link))
        with behind_walls(system_principal("test", owner.tenant)):
            embed([IndexRow.objects.get(pk=UUID(memory.entry_id))])
        return memory

    def made(self, client: HubClient, request: Request) -> dict[str, Any]:
        answer = send(client, request)
        assert 200 <= answer.status_code < 300, answer.content
        parsed: dict[str, Any] = answer.json()
        return parsed

    def finds(self, caller: Caller, door: Door, memory: Memory) -> None:
        request = door.ask(caller.agent, memory)
        answer = send(self.clients[caller], request)
        assert 200 <= answer.status_code < 300, (door.name, answer.content)
        assert getattr(memory, door.shows) in answer.content.decode(), (door.name, answer.content)
        if door.undo:
            self.made(self.clients[caller], door.undo(memory, answer.json()))

    def finds_nothing(self, caller: Caller, door: Door, memory: Memory) -> None:
        answer = send(self.clients[caller], door.ask(caller.agent, memory))
        if door.missing:
            assert answer.status_code == 404, (door.name, answer.content)
        else:
            assert answer.status_code == 404 or 200 <= answer.status_code < 300, (door.name, answer.content)
        assert memory.secret not in answer.content.decode(), door.name
        if door.shows != "secret":
            assert getattr(memory, door.shows) not in answer.content.decode(), door.name

    def finds_on_record(self, caller: Caller, door: Door, memory: Memory) -> None:
        before = records(caller)
        self.finds(caller, door, memory)
        new = records(caller)[len(before) :]
        assert len(new) == door.audited, (door.name, new)
        assert all(memory.entry_id in str(row) for row in new), door.name


def records(caller: Caller) -> list[Any]:
    """What is on record of the caller's reading others' memories, oldest first."""
    with behind_walls(system_principal("test", caller.tenant)):
        lines = AuditEvent.objects.filter(action__endswith="read.cross_agent", agent_id=caller.agent)
        return list(lines.order_by("at", "id").values_list("new", flat=True))


@pytest.fixture
def stage(api: Any) -> Stage:
    return Stage(api)


@pytest.mark.parametrize("owner", CALLERS, ids=str)
def test_no_access_without_a_grant(stage: Stage, owner: Caller) -> None:
    """One owner and everybody else: the pairs with this owner."""
    memory = stage.remember(owner)
    others = [caller for caller in CALLERS if caller != owner]
    for caller in CALLERS:  # a feed begins when it is first asked for
        send(stage.clients[caller], Request("GET", f"agents/{caller.agent}/changes"))
    relay()
    for door in DOORS:
        stage.finds(owner, door, memory)
        for outsider in others:
            stage.finds_nothing(outsider, door, memory)
    for outsider in others:
        assert not records(outsider)
        if outsider.tenant == owner.tenant:
            with_a_grant_and_after_it(stage, owner, outsider, memory)


def with_a_grant_and_after_it(stage: Stage, owner: Caller, outsider: Caller, memory: Memory) -> None:
    grant = Request("POST", entry(memory, "/grants"), {"agents": [outsider.agent], "can_write": True})
    stage.made(stage.clients[owner], grant)
    relay()
    for door in DOORS:
        stage.finds_on_record(outsider, door, memory)
    stage.made(stage.clients[owner], Request("DELETE", entry(memory, f"/grants/{outsider.agent}")))
    relay()
    for door in DOORS:
        stage.finds_nothing(outsider, door, memory)
