"""The hub as the thing measured: conversations go in through its sessions, questions through its search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import quote

import psycopg

from benchmarks.hub import Hub
from benchmarks.retrieval.dataset import DataSet, Item, Question, User

#: ``call(method, path, body)`` sends one request and gives the parsed answer; a refusal raises.
Call = Callable[[str, str, Any], dict[str, Any]]
BATCH = 500
DEPTH = 100
INDEXED_SECONDS = 1800.0
MESSAGES = "SELECT count(*) FROM memory_search_index WHERE kind = 'message' AND tenant_id = %s"
EMBEDDED = f"{MESSAGES} AND EXISTS (SELECT FROM memory_context_vectors v WHERE v.row_id = id)"


@dataclass
class Answer:
    """Ids of turns, best first, the time it took, and the results as the hub gave them."""

    found: list[str]
    milliseconds: float
    results: list[dict[str, Any]] = field(repr=False)


class Memory:
    """One tenant, filled with evaluation sets through the doors of the hub."""

    def __init__(self, call: Call) -> None:
        self.call = call
        #: The id of the turn that each message of the hub holds.
        self.turns: dict[str, str] = {}

    def add(self, data: DataSet) -> int:
        """Brings every user's sessions in, in order; how many messages that are."""
        for user in data.users:
            for session, items in user.sessions().items():
                self.add_session(user, session, items)
        return sum(len(user.items) for user in data.users)

    def add_session(self, user: User, session: str, items: list[Item]) -> None:
        names = {"session_id": quote(f"{user.name}-{session}", safe=""), "user_id": user.name}
        self.call("POST", "/memory/session/start", names)
        roles = roles_of(user)
        for begin in range(0, len(items), BATCH):
            part = items[begin : begin + BATCH]
            body = names | {"messages": [message(item, roles[item.speaker]) for item in part]}
            answer = self.call("POST", "/memory/session/messages", body)
            self.turns.update(zip(answer["message_ids"], (item.id for item in part), strict=True))

    def ask(self, user: User, question: Question, mode: str, *, explain: bool = False) -> Answer:
        """The hundred best messages of the user. Raises RuntimeError when the hub had no model to answer with."""
        body = {"query": question.text, "kinds": ["messages"], "user_id": user.name, "mode": mode, "limit": DEPTH}
        begin = time.perf_counter()
        answer = self.call("POST", "/memory/context/search", body | {"explain": explain})
        taken = (time.perf_counter() - begin) * 1e3
        if answer["degraded"] and mode != "keyword":
            raise RuntimeError(f"The hub searched without its model: {answer['notice']}")
        return Answer([self.turns[str(result["id"])] for result in answer["results"]], taken, answer["results"])


def roles_of(user: User) -> dict[str, str]:
    """Between people the first to speak is the user; who is called user or assistant is it."""
    first = user.items[0].speaker
    speakers = {item.speaker for item in user.items}
    by_order = {name: "user" if name == first else "assistant" for name in speakers}
    return by_order | {name: name.lower() for name in speakers if name.lower() in ("user", "assistant")}


def message(item: Item, role: str) -> dict[str, Any]:
    at = item.time if item.time.tzinfo else item.time.replace(tzinfo=UTC)
    return {"role": role, "content": item.text, "name": item.speaker, "at": at.isoformat()}


def wait_until_indexed(
    hub: Hub, key: str, tenant: str, messages: int, *, seconds: float = INDEXED_SECONDS, pause: float = 0.25
) -> None:
    """Until nothing waits for a vector and every message has one. Raises RuntimeError after ``seconds``."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as owner:
        # the index is written with the message itself: one that is missing is a fault, not a delay
        if (there := count(owner, MESSAGES, tenant)) != messages:
            raise RuntimeError(f"{messages} messages were sent, {there} are in the index.")
        while waiting(hub, key) or count(owner, EMBEDDED, tenant) < messages:
            if time.monotonic() > deadline:
                raise RuntimeError(f"The index was not complete after {seconds:.0f} s.")
            time.sleep(pause)


def waiting(hub: Hub, key: str) -> int:
    """Changes that have no vectors yet, as the hub's health tells."""
    return int(hub.call(key, "GET", "/memory/health")["parts"]["search"]["waiting"])


def count(owner: psycopg.Connection[Any], statement: str, tenant: str) -> int:
    row = owner.execute(statement, [tenant]).fetchone()
    assert row is not None
    return int(row[0])
