"""On a running hub: what one agent stores is in another's replica at once, and a restart is lived through."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hub import Hub
from memoryhub_client import MemoryClient, Replica
from tests.waiting import until


def test_a_listening_replica_shows_what_others_write(real_hub: Hub, tmp_path: Path) -> None:
    problems: list[Exception] = []
    alice = MemoryClient(real_hub.url, real_hub.key("listeners", agent="alice"))
    alden = MemoryClient(real_hub.url, real_hub.key("listeners", agent="alden"))
    until(lambda: alice.call("GET", "/memory/health")["parts"]["stream"]["ok"], what="the stream")
    with alice, alden, Replica(tmp_path / "alden.db", alden, agent_id="alden") as replica:
        replica.listen(on_problem=problems.append)
        entry_id = alice.store("plan", "walk", scope="agent")["entry_id"]
        alice.call("POST", f"/memory/context/{entry_id}/grants", {"agents": ["alden"], "can_write": True})
        until(lambda: replica.get("plan"), what="the grant to arrive")
        alice.change(entry_id, {"value": "run"}, version=1)
        until(lambda: shown(replica, "plan") == "run", what="the change to arrive")
        replica.put("plan", "swim")
        replica.sync()
        written = alice.get(entry_id)
        assert written is not None
        assert written["value"] == "swim"
        alice.call("DELETE", f"/memory/context/{entry_id}/grants/alden")
        until(lambda: replica.get("plan") is None, what="the revocation to arrive")
        stream = replica.status().stream_url
    assert stream
    assert problems == []


def shown(replica: Replica, key: str) -> object:
    found = replica.get(key)
    return found and found.value
