"""The hub as the thing measured: conversations go in through its sessions, questions through its search."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from urllib.parse import quote

import psycopg

from benchmarks.hub import Hub
from benchmarks.retrieval.dataset import DataSet, Item, Question, User
from memoryhub_client.transport import Transport

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
    """One tenant of a running hub, filled with evaluation sets."""

    def __init__(self, hub: Hub, tenant: str) -> None:
        self.hub, self.tenant = hub, tenant
        self.transport = Transport(hub.url, hub.key(tenant=tenant, scopes="read,write"), timeout=120)
        self.turns: dict[str, str] = {}

    def add(self, data: DataSet) -> int:
        """Imports every user's sessions and waits until all of it is indexed; the number of messages."""
        for user in data.users:
            for session, items in user.sessions().items():
                self.add_session(user, session, items)
        self.wait_until_indexed()
        return sum(len(user.items) for user in data.users)

    def add_session(self, user: User, session: str, items: list[Item]) -> None:
        names = {"session_id": quote(f"{user.name}-{session}", safe=""), "user_id": user.name}
        self.transport.call_now("POST", "/memory/session/start", names)
        roles = roles_of(user)
        for begin in range(0, len(items), BATCH):
            part = items[begin : begin + BATCH]
            body = names | {"messages": [message(item, roles[item.speaker]) for item in part]}
            answer = self.transport.call_now("POST", "/memory/session/messages", body)
            self.turns.update(zip(answer["message_ids"], (item.id for item in part), strict=True))

    def wait_until_indexed(self) -> None:
        """Until nothing waits for a vector and every message has one. Raises RuntimeError after half an hour."""
        deadline = time.monotonic() + INDEXED_SECONDS
        with psycopg.connect(self.hub.database_url("owner"), autocommit=True) as owner:
            while not (self.waiting() == 0 and count(owner, EMBEDDED, self.tenant) == self.messages(owner)):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"The index was not complete after {INDEXED_SECONDS:.0f} s.")
                time.sleep(0.25)

    def waiting(self) -> int:
        health = self.transport.call_now("GET", "/memory/health")
        return int(health["parts"]["search"]["waiting"])

    def messages(self, owner: psycopg.Connection[Any]) -> int:
        there = count(owner, MESSAGES, self.tenant)
        # the index is written with the message itself: one that is missing is a fault, not a delay
        if there != len(self.turns):
            raise RuntimeError(f"{len(self.turns)} messages were sent, {there} are in the index.")
        return there

    def ask(self, user: User, question: Question, mode: str, *, explain: bool = False) -> Answer:
        body = {"query": question.text, "kinds": ["messages"], "user_id": user.name, "mode": mode, "limit": DEPTH}
        begin = time.perf_counter()
        answer = self.transport.call_now("POST", "/memory/context/search", body | {"explain": explain})
        taken = (time.perf_counter() - begin) * 1e3
        if answer["degraded"] and mode != "keyword":
            raise RuntimeError(f"The hub searched without its model: {answer['notice']}")
        return Answer([self.turns[result["id"]] for result in answer["results"]], taken, answer["results"])


def count(owner: psycopg.Connection[Any], statement: str, tenant: str) -> int:
    row = owner.execute(statement, [tenant]).fetchone()
    assert row is not None
    return int(row[0])


def roles_of(user: User) -> dict[str, str]:
    """Between people the first to speak is the user; who is called user or assistant is it."""
    first = user.items[0].speaker
    speakers = {item.speaker for item in user.items}
    by_order = {name: "user" if name == first else "assistant" for name in speakers}
    return by_order | {name: name.lower() for name in speakers if name.lower() in ("user", "assistant")}


def message(item: Item, role: str) -> dict[str, Any]:
    at = item.time if item.time.tzinfo else item.time.replace(tzinfo=UTC)
    return {"role": role, "content": item.text, "name": item.speaker, "at": at.isoformat()}
