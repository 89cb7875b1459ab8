"""The small synchronous client: entries, locks, conflicts, and what a replica needs."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, Self, TypeVar
from uuid import uuid4

from memoryhub_client.coordinator import without_none
from memoryhub_client.errors import HubError
from memoryhub_client.knowledge import Id, Json, KnowledgeCalls
from memoryhub_client.locks import Lock
from memoryhub_client.operations import Operation, consulted
from memoryhub_client.procedures import ProcedureCalls
from memoryhub_client.transport import Transport, segment

P = ParamSpec("P")
R = TypeVar("R")
#: answers that a later try may better: too many requests, no database
PASSING = (429, 502, 503, 504)
LONGEST_WAIT_SECONDS = 5.0
FIRST_WAIT_SECONDS = 0.2


class MemoryClient(KnowledgeCalls, ProcedureCalls):
    """One hub, seen with one key; safe to share between threads.

    ``url`` and ``api_key`` default to ``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY``; ``agent_id`` names the acting
    agent for a key that is bound to none. ``timeout``: seconds for each wait on the hub. Reads, deletes and POSTs
    (they carry an Idempotency-Key) are tried again up to ``retries`` times when the hub cannot be reached or asks
    to wait; a change by version is not, as its repetition could not be told from another's change.

    Every method raises HubError for a refusal and OSError when the hub cannot be reached.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        agent_id: str | None = None,
        timeout: float = 30,
        retries: int = 2,
        transport: Transport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.transport = transport or Transport(url, api_key, agent_id=agent_id, timeout=timeout)
        self.retries = retries
        self._sleep = sleep

    def close(self) -> None:
        """Closes the connections to the hub; the next call opens new ones."""
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Json:
        """One call, tried again where that is safe; the parsed answer."""
        sent = dict(headers or {})
        if method == "POST":
            sent.setdefault("Idempotency-Key", uuid4().hex)
        tries = 1 if method == "PATCH" else self.retries + 1
        for left in reversed(range(tries)):
            try:
                return self.transport.call_now(method, path, body, headers=sent, **query)
            except (OSError, http.client.HTTPException, HubError) as problem:
                if not left or not passing(problem):
                    raise
                self._sleep(pause(problem, tries - left - 1))
        raise AssertionError("unreachable")

    # operations

    def operation(self, task: str, *, kind: str | None = None, **about: Any) -> Operation:
        """One piece of work, for ``with``: memory is consulted at its beginning and learns from its end.

        ``about``: context, task_id, session_id, user_id.
        """
        return Operation(self, task, kind=kind, **about)

    def consulted(
        self, task: str = "", *, kind: str | None = None, **about: Any
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """A decorator: every call of the function is an operation. ``task`` may name arguments: "Deploy {version}"."""
        return consulted(self, task, kind=kind, **about)

    # entries

    def store(self, key: str, value: Any, **fields: Any) -> Json:
        """Stores or replaces the entry under ``key``: {entry_id, sync_version, created, …}.

        ``fields``: scope, user_id, session_id, agent_id, layer, category, importance, tags, metadata, …
        """
        return self.call("POST", "/memory/context/store", without_none(fields) | {"key": key, "value": value})

    def get(self, entry_id: Id, *, user_id: str | None = None, session_id: str | None = None) -> Json | None:
        """The entry, or None."""
        return found(lambda: self.call("GET", entry_path(entry_id), user_id=user_id, session_id=session_id))

    def get_many(self, ids: Sequence[Id], *, agent_id: str | None = None) -> list[Json]:
        """Those of the entries that are there and visible; up to 200 ids."""
        headers = {"X-Agent-Id": agent_id} if agent_id else {}
        answer = self.call("POST", "/memory/context/batch-get", {"ids": [str(i) for i in ids]}, headers=headers)
        return [entry for entry in answer["results"] if entry.get("success", True)]

    def retrieve(self, key: str, **address: Any) -> Json | None:
        """The entry under ``key``, or None. ``address``: scope, user_id, session_id, agent_id.

        Without a scope: agent, session, user, tenant, global; the first hit.
        """
        wanted = without_none(address) | {"key": key}
        return found(lambda: self.call("POST", "/memory/context/retrieve", wanted))

    def search(self, query: str, *, limit: int = 20, **filters: Any) -> list[Json]:
        """Entries that fit, best first. ``filters``: mode, layer, scope, user_id, category, …"""
        wanted = {"query": query, "limit": limit, "kinds": ["entry"], **without_none(filters)}
        return list(self.call("POST", "/memory/context/search", wanted)["results"])

    def change(
        self, entry_id: Id, fields: Mapping[str, Any], *, version: int, fence: int | None = None, **naming: Any
    ) -> Json:
        """Changes ``fields`` of the entry if it is still at ``version``; else HubError 412 tells the current one."""
        headers = {"If-Match": f'"{version}"'} | fenced(fence)
        return self.call("PATCH", entry_path(entry_id), dict(fields), headers=headers, **naming)

    def delete(
        self, entry_id: Id, *, version: int | None = None, reason: str = "", fence: int | None = None, **naming: Any
    ) -> Json:
        """Deletes the entry; it can be restored for 30 days."""
        headers = fenced(fence) | ({} if version is None else {"If-Match": f'"{version}"'})
        return self.call("DELETE", entry_path(entry_id), headers=headers, reason=reason or None, **naming)

    def lock(
        self,
        entry_id: Id,
        *,
        seconds: int | None = None,
        wait: float = 0,
        reason: str = "",
        agent_id: str | None = None,
    ) -> Lock:
        """``with client.lock(entry_id, wait=30) as lock: client.change(…, fence=lock.fence)``.

        ``seconds``: how long it is held, unless renewed; ``wait``: how long to queue for it. Raises NotLocked.
        """
        return Lock(
            self, str(entry_id), seconds=seconds, wait=wait, reason=reason, agent_id=agent_id, sleep=self._sleep
        )

    # conflicts

    def submit_conflict(self, **change: Any) -> Json:
        """A change made from an old version, to be decided: entry_id (or key, scope, …), base_version, value or
        deletes, attributes, strategy, reason. Answers outcome, entry_id, sync_version, conflict_id, why.
        """
        # here null says something: made without knowing a version
        return self.call("POST", "/memory/agents/conflicts", {"base_version": None, **change})

    def conflicts(self, **filters: Any) -> list[Json]:
        """Open and decided conflicts, newest first: {conflict_id, status, kind, entry_id, …}."""
        return list(self.call("GET", "/memory/agents/conflicts", **filters)["results"])

    def conflict(self, conflict_id: Id) -> Json:
        return self.call("GET", conflict_path(conflict_id))

    def preview_conflict(self, conflict_id: Id, **choice: Any) -> Json:
        """What a decision would write: ``choice`` as for resolve_conflict."""
        return self.call("POST", f"{conflict_path(conflict_id)}/preview", without_none(choice))

    def resolve_conflict(self, conflict_id: Id, **decision: Any) -> Json:
        """Decides: conflict_version and entry_version as they were shown, strategy or choices or value, reason."""
        return self.call("POST", f"{conflict_path(conflict_id)}/resolve", without_none(decision))

    def dismiss_conflict(self, conflict_id: Id, *, reason: str = "", conflict_version: int | None = None) -> Json:
        """Leaves everything as it is."""
        body = without_none({"reason": reason, "conflict_version": conflict_version})
        return self.call("POST", f"{conflict_path(conflict_id)}/dismiss", body)

    def undo_conflict(self, conflict_id: Id, *, reason: str = "", reopen: bool = False, as_new: bool = False) -> Json:
        """Takes a decision back; ``reopen`` asks people again, ``as_new`` also where the entry was changed since."""
        body = {"reason": reason, "reopen": reopen, "as_new": as_new}
        return self.call("POST", f"{conflict_path(conflict_id)}/undo", body)

    # replicas

    def register_replica(self, agent_id: str, *, user_id: str | None = None, name: str = "") -> Json:
        """{replica_id, agent_id, epoch, stream_url}"""
        wanted = {"agent_id": agent_id, "user_id": user_id, "name": name or None}
        return self.call("POST", "/memory/agents/replicas", without_none(wanted))

    def changes(
        self,
        agent_id: str,
        *,
        after: int = 0,
        epoch: int | None = None,
        limit: int | None = None,
        user_id: str | None = None,
        replica_id: str | None = None,
    ) -> Json:
        """A page of the agent's change feed: {items, next, more, epoch, reset, last_seq, stream_url}."""
        path = f"/memory/agents/{segment(agent_id)}/changes"
        return self.call("GET", path, after=after, epoch=epoch, limit=limit, user_id=user_id, replica_id=replica_id)

    def push(self, agent_id: str, replica_id: str, changes: Sequence[Json]) -> list[Json]:
        """What became of each change, in order. Safe to repeat: the hub knows each by its change_id."""
        path = f"/memory/agents/{segment(agent_id)}/push"
        return list(self.call("POST", path, {"replica_id": replica_id, "changes": list(changes)})["results"])


def entry_path(entry_id: Id) -> str:
    return f"/memory/context/{segment(str(entry_id))}"


def conflict_path(conflict_id: Id) -> str:
    return f"/memory/agents/conflicts/{segment(str(conflict_id))}"


def fenced(fence: int | None) -> dict[str, str]:
    return {} if fence is None else {"Lock-Fence": str(fence)}


def found(read: Callable[[], Json]) -> Json | None:
    try:
        return read()
    except HubError as problem:
        if problem.status == 404:
            return None
        raise


def passing(problem: Exception) -> bool:
    return not isinstance(problem, HubError) or problem.status in PASSING


def pause(problem: Exception, tried: int) -> float:
    """Seconds before the next try: what the hub asked for, else doubling, with jitter so that clients spread."""
    asked = problem.retry_after if isinstance(problem, HubError) else None
    doubling = FIRST_WAIT_SECONDS * 2**tried * (0.5 + random.random())  # noqa: S311 - spreads load, guards nothing
    return min(LONGEST_WAIT_SECONDS, doubling if asked is None else asked)
