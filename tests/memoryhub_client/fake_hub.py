"""The hub as replicas see it, as a pure model: slices, grants, the numbered feed, pushes, conflicts, epochs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from memoryhub_client.errors import HubError

Json = dict[str, Any]
T = TypeVar("T")


@dataclass
class Entry:
    entry_id: str
    owner: str
    key: str
    user_id: str | None
    values: list[Any]  # by version, the first is version 1
    attributes: Json = field(default_factory=dict)
    deleted: bool = False
    encrypted: bool = False
    expires_at: str | None = None

    @property
    def version(self) -> int:
        return len(self.values)

    @property
    def value(self) -> Any:
        return self.values[-1]


@dataclass
class Conflict:
    id: str
    entry_id: str
    kind: str
    agents: set[str]
    candidates: list[Json]
    status: str = "open"
    version: int = 1
    resolution: str = ""


@dataclass
class State:
    """All that a backup holds."""

    entries: dict[str, Entry] = field(default_factory=dict)
    grants: dict[tuple[str, str], bool] = field(default_factory=dict)
    conflicts: dict[str, Conflict] = field(default_factory=dict)
    replicas: dict[str, Json] = field(default_factory=dict)
    pushed: dict[tuple[str, str], Json] = field(default_factory=dict)
    #: agent → object id → (seq, kind, reason): only the newest of an object is kept
    feeds: dict[str, dict[str, tuple[int, str, str]]] = field(default_factory=dict)
    last_seq: dict[str, int] = field(default_factory=dict)
    purged: dict[str, int] = field(default_factory=dict)
    #: what was committed and has not been numbered yet: (object id, agents)
    outbox: list[tuple[str, set[str]]] = field(default_factory=list)


class FakeHub:
    """``strategies``: per owning agent latest_wins (default), keep, merge_content or manual_review."""

    def __init__(self) -> None:
        self.state = State()
        self.epoch = 1
        self.strategies: dict[str, str] = {}
        self.relays_at_once = True
        self.locked: set[str] = set()

    # what others do

    def store(self, owner: str, key: str, value: Any, *, user_id: str | None = None, **more: Any) -> str:
        entry = self._at(owner, key, user_id)
        if entry is None:
            entry = Entry(str(uuid4()), owner, key, user_id, [], **more)
            self.state.entries[entry.entry_id] = entry
        self._write(entry, value)
        return entry.entry_id

    def delete(self, entry_id: str) -> None:
        entry = self.state.entries[entry_id]
        entry.deleted = True
        self._write(entry, None)

    def erase(self, entry_id: str) -> None:
        entry = self.state.entries.pop(entry_id)
        readers = {agent for of, agent in self.state.grants if of == entry_id}
        for conflict in [c for c in self.state.conflicts.values() if c.entry_id == entry_id]:
            del self.state.conflicts[conflict.id]
        self._announce(entry_id, {entry.owner, *readers})

    def grant(self, entry_id: str, agent: str, *, can_write: bool = False) -> None:
        self.state.grants[entry_id, agent] = can_write
        self._announce(entry_id, {agent})

    def revoke(self, entry_id: str, agent: str) -> None:
        if self.state.grants.pop((entry_id, agent), None) is not None:
            self._announce(entry_id, {agent})

    def resolve(self, conflict_id: str, value: Any, resolution: str = "manual_review") -> None:
        conflict = self.state.conflicts[conflict_id]
        conflict.status, conflict.resolution, conflict.version = "resolved", resolution, conflict.version + 1
        entry = self.state.entries[conflict.entry_id]
        if not entry.deleted:
            self._write(entry, value)
        self._announce(conflict_id, conflict.agents)

    def relay(self) -> None:
        """Numbers what was committed."""
        for object_id, agents in self.state.outbox:
            for agent in sorted(agents):
                self._number(object_id, agent)
        self.state.outbox.clear()

    def purge(self, agent: str) -> None:
        """Forgets old tombstones, as the hub does after a while."""
        feed = self.state.feeds.get(agent, {})
        for object_id, (seq, kind, _) in list(feed.items()):
            if kind == "gone":
                del feed[object_id]
                self.state.purged[agent] = max(self.state.purged.get(agent, 0), seq)

    def backup(self) -> State:
        return copy.deepcopy(self.state)

    def restore(self, backup: State) -> None:
        self.state = copy.deepcopy(backup)
        self.epoch += 1

    # what is true

    def sees(self, agent: str, entry: Entry, user_id: str | None = None) -> bool:
        about = user_id is None or entry.user_id in (None, user_id)
        mine = entry.owner == agent or (entry.entry_id, agent) in self.state.grants
        return mine and about and not entry.deleted

    def slice(self, agent: str, user_id: str | None = None) -> dict[str, Any]:
        """entry id → (key, version, value, disputed)"""
        return {
            e.entry_id: (e.key, e.version, None if e.encrypted else e.value, bool(self._open_of(e.entry_id)))
            for e in self.state.entries.values()
            if self.sees(agent, e, user_id)
        }

    def open_conflicts(self, agent: str) -> set[str]:
        return {c.id for c in self.state.conflicts.values() if c.status == "open" and agent in c.agents}

    # doors

    def register_replica(self, agent_id: str, *, user_id: str | None = None, name: str = "") -> Json:
        replica_id = str(uuid4())
        self.state.replicas[replica_id] = {"agent_id": agent_id, "user_id": user_id}
        return {"replica_id": replica_id, "agent_id": agent_id, "epoch": self.epoch, "stream_url": "http://127.0.0.1:1"}

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
        self._known(replica_id)
        last = self.state.last_seq.get(agent_id, 0)
        answer = {"epoch": self.epoch, "reset": False, "items": [], "next": after, "more": False, "last_seq": last}
        if epoch != self.epoch or 0 < after < self.state.purged.get(agent_id, 0):
            return answer | {"reset": True, "next": 0}
        feed = self.state.feeds.get(agent_id, {})
        rows = sorted((seq, oid, kind, why) for oid, (seq, kind, why) in feed.items() if self._still(oid, kind))
        page = [row for row in rows if row[0] > after][: limit or 500]
        more = bool(page) and rows[-1][0] > page[-1][0]
        items = [self._item(agent_id, user_id, row) for row in page]
        return copy.deepcopy(answer | {"items": items, "next": page[-1][0] if more else max(after, last), "more": more})

    def push(self, agent_id: str, replica_id: str, changes: Sequence[Json]) -> list[Json]:
        self._known(replica_id)
        return [self._push_once(agent_id, replica_id, copy.deepcopy(change)) for change in changes]

    def get_many(self, ids: Sequence[str], *, agent_id: str | None = None) -> list[Json]:
        found = [self.state.entries[i] for i in ids if i in self.state.entries]
        return copy.deepcopy([self._document(e) for e in found if agent_id and self.sees(agent_id, e)])

    # inside

    def _known(self, replica_id: str | None) -> None:
        if replica_id is not None and replica_id not in self.state.replicas:
            raise HubError(404, {"code": "not_found", "detail": "There is no such replica."})

    def _at(self, owner: str, key: str, user_id: str | None) -> Entry | None:
        address = (owner, key, user_id)
        alive = (e for e in self.state.entries.values() if not e.deleted)
        return next((e for e in alive if (e.owner, e.key, e.user_id) == address), None)

    def _open_of(self, entry_id: str) -> Conflict | None:
        opened = (c for c in self.state.conflicts.values() if c.status == "open")
        return next((c for c in opened if c.entry_id == entry_id), None)

    def _write(self, entry: Entry, value: Any) -> None:
        entry.values.append(value)
        readers = {agent for entry_id, agent in self.state.grants if entry_id == entry.entry_id}
        self._announce(entry.entry_id, {entry.owner, *readers})

    def _announce(self, object_id: str, agents: set[str]) -> None:
        self.state.outbox.append((object_id, set(agents)))
        if self.relays_at_once:
            self.relay()

    def _number(self, object_id: str, agent: str) -> None:
        seq = self.state.last_seq.get(agent, 0) + 1
        self.state.last_seq[agent] = seq
        if object_id in self.state.conflicts:
            kind = "conflict"
        else:
            entry = self.state.entries.get(object_id)
            kind = "put" if entry and self.sees(agent, entry) else "gone"
        reason = "" if kind != "gone" else "deleted" if object_id in self.state.entries else "erased"
        self.state.feeds.setdefault(agent, {})[object_id] = (seq, kind, reason)

    def _still(self, object_id: str, kind: str) -> bool:
        """A conflict is erased with its entry, which has an item of its own."""
        return kind != "conflict" or object_id in self.state.conflicts

    def _item(self, agent: str, user_id: str | None, row: tuple[int, str, str, str]) -> Json:
        seq, object_id, kind, why = row
        item: Json = {"seq": seq, "kind": kind, "reason": why, "at": "2026-01-01T00:00:00Z", "can_write": False}
        if kind == "conflict":
            c = self.state.conflicts[object_id]
            told = {"id": c.id, "status": c.status, "kind": c.kind, "entry_id": c.entry_id, "version": c.version}
            return item | {
                "conflict_id": c.id,
                "version": c.version,
                "conflict": told | {"resolution": c.resolution},
            }
        entry = self.state.entries.get(object_id)
        item |= {"entry_id": object_id, "version": entry.version if entry else 0}
        if entry is None or not self.sees(agent, entry, user_id):
            return item | {"kind": "gone"}
        writes = entry.owner == agent or self.state.grants[object_id, agent]
        return item | {"kind": "put", "can_write": writes, "entry": self._document(entry)}

    def _document(self, entry: Entry) -> Json:
        conflict = self._open_of(entry.entry_id)
        document = {
            "entry_id": entry.entry_id,
            "key": entry.key,
            "value": entry.value,
            "scope": "agent",
            "agent_id": entry.owner,
            "user_id": entry.user_id,
            "sync_version": entry.version,
            "encrypted": entry.encrypted,
            "expires_at": entry.expires_at,
            "disputed": conflict is not None,
            "alternatives": [{"conflict_id": conflict.id, **c} for c in conflict.candidates] if conflict else [],
        }
        return document | entry.attributes | ({"value": None, "metadata_only": True} if entry.encrypted else {})

    def _push_once(self, agent: str, replica_id: str, change: Json) -> Json:
        known = (replica_id, change["change_id"])
        if known not in self.state.pushed:
            given = change.get("entry_id")
            if given in self.locked:
                return {"change_id": change["change_id"], "outcome": "rejected", "code": "locked", "entry_id": None}
            result = {"change_id": change["change_id"], "entry_id": given} | self._carry_out(agent, change)
            if result["entry_id"] != given:
                result["given_id"] = given
            self.state.pushed[known] = result
        return dict(self.state.pushed[known])

    def _carry_out(self, agent: str, change: Json) -> Json:
        base = change["base_version"]
        entry = self.state.entries.get(str(change.get("entry_id")))
        if base is None and change["op"] == "delete":
            return {"outcome": "rejected", "code": "invalid", "detail": "A deletion names its base version."}
        if base is None and entry is None:
            entry = self._at(agent, change["key"], change.get("user_id"))
            if entry is None:
                return self._create(agent, change)
        if entry is None or not self.sees(agent, entry):
            return {"outcome": "rejected", "code": "not_found", "detail": "There is no such memory."}
        if entry.owner != agent and not self.state.grants[entry.entry_id, agent]:
            return {"outcome": "rejected", "code": "agent_mismatch", "detail": "It was granted for reading."}
        if base == entry.version:
            return self._apply(entry, change)
        return self._decide(agent, entry, change)

    def _create(self, agent: str, change: Json) -> Json:
        free = change["entry_id"] not in self.state.entries
        entry_id = change["entry_id"] if free else str(uuid4())
        entry = Entry(entry_id, agent, change["key"], change.get("user_id"), [])
        self.state.entries[entry_id] = entry
        return self._apply(entry, change)

    def _apply(self, entry: Entry, change: Json, outcome: str = "applied") -> Json:
        if change["op"] == "delete":
            self.delete(entry.entry_id)
        else:
            entry.attributes |= change.get("attributes", {})
            self._write(entry, change["value"])
        return {"outcome": outcome, "entry_id": entry.entry_id, "version": entry.version}

    def _decide(self, agent: str, entry: Entry, change: Json) -> Json:
        strategy = change.get("strategy") or self.strategies.get(entry.owner, "latest_wins")
        about = {"entry_id": entry.entry_id, "version": entry.version}
        base = change["base_version"]
        if strategy == "keep":
            return about | {"outcome": "kept"}
        if strategy == "latest_wins" and base is not None:
            return self._apply(entry, change)
        if strategy == "merge_content" and base is not None and change["op"] == "put":
            whole = merge(entry.values[base - 1] if base <= entry.version else None, entry.value, change["value"])
            if whole is not None:
                self._write(entry, whole)
                return about | {"outcome": "merged", "version": entry.version}
        return about | {"outcome": "conflict", "conflict_id": self._open(agent, entry, change)}

    def _open(self, agent: str, entry: Entry, change: Json) -> str:
        kind = "edit" if change["base_version"] is not None else "creation"
        conflict = self._open_of(entry.entry_id)
        if conflict is None:
            conflict = Conflict(str(uuid4()), entry.entry_id, kind, {entry.owner}, [])
            self.state.conflicts[conflict.id] = conflict
        conflict.agents.add(agent)
        conflict.version += 1
        conflict.candidates.append({"agent_id": agent, "value": change.get("value")})
        readers = {a for entry_id, a in self.state.grants if entry_id == entry.entry_id}
        self._announce(entry.entry_id, {entry.owner, *readers})
        self._announce(conflict.id, conflict.agents)
        return conflict.id


def merge(base: Any, current: Any, incoming: Any) -> Any:
    """By first-level key; None where both changed one."""
    if not all(isinstance(v, dict) for v in (base, current, incoming)):
        return None
    result = dict(current)
    for key in base.keys() | incoming.keys():
        if incoming.get(key) == base.get(key):
            continue
        if current.get(key) not in (base.get(key), incoming.get(key)):
            return None
        if key in incoming:
            result[key] = incoming[key]
        else:
            result.pop(key, None)
    return result


class FakeClient:
    """Reaches a FakeHub, unless ``offline``. ``lost``: doors whose next answer does not arrive.

    ``meanwhile`` is called while the next push is on its way back.
    """

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub
        self.offline = False
        self.lost: list[str] = []
        self.meanwhile: Callable[[], object] | None = None

    def register_replica(self, agent_id: str, *, user_id: str | None = None, name: str = "") -> Json:
        self._leave("register_replica")
        return self._arrived("register_replica", self.hub.register_replica(agent_id, user_id=user_id, name=name))

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
        self._leave("changes")
        page = self.hub.changes(agent_id, after=after, epoch=epoch, limit=limit, user_id=user_id, replica_id=replica_id)
        return self._arrived("changes", page)

    def push(self, agent_id: str, replica_id: str, changes: Sequence[Json]) -> list[Json]:
        self._leave("push")
        results = self.hub.push(agent_id, replica_id, changes)
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return self._arrived("push", results)

    def get_many(self, ids: Sequence[str], *, agent_id: str | None = None) -> list[Json]:
        self._leave("get_many")
        return self._arrived("get_many", self.hub.get_many(ids, agent_id=agent_id))

    def _leave(self, door: str) -> None:
        if self.offline:
            raise ConnectionRefusedError(f"offline: {door}")

    def _arrived(self, door: str, answer: T) -> T:
        if door in self.lost:
            self.lost.remove(door)
            raise ConnectionResetError("the answer was lost")
        return answer
