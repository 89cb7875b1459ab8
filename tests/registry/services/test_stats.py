"""Figures without scanning."""

from __future__ import annotations

import pytest

from memoryhub.access.principals import system_principal
from memoryhub.registry.services import deletion, entries, lifecycle, stats
from memoryhub.registry.services.access_log import log
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


def test_every_layer_is_counted(store, caller):
    for layer in ("ephemeral", "session", "short_term", "long_term", "long_term", "permanent"):
        store(
            f"{layer}{id(object())}", layer=layer, session_id="s", priority="critical" if layer == "session" else None
        )
    store("more", layer="long_term")
    store("gone", layer="long_term")
    deletion.delete(store("gone").entry_id, principal=caller)
    lifecycle.archive(store("old").entry_id, principal=caller)
    for _ in range(3):
        entries.retrieve(key="more", principal=caller)
    log.flush()
    store("foreign", by=agent(tenant="other"))
    found = stats.get(principal=caller)
    counts = {name: found[f"{name}_count"] for name in ("ephemeral", "session", "short_term", "long_term", "permanent")}
    assert counts["ephemeral"] == counts["session"] == counts["short_term"] == counts["permanent"] == 1
    assert found["total_entries"] == sum(counts.values())
    assert (found["critical_count"], found["archived_count"], found["deleted_count"]) == (1, 1, 1)
    assert found["total_accesses"] == 3
    assert found["cache_size"] == {"ephemeral": 1, "session": 1}


def test_the_hub_as_a_whole(store, as_role):
    store("a")
    store("b", by=agent(tenant="other"))
    with as_role("memoryhub_system"):
        assert stats.get(principal=system_principal("test"))["total_entries"] == 2


def test_higher_houses_add_figures(caller, monkeypatch):
    monkeypatch.setattr(stats, "_contributors", {})
    stats.register_contributor("active_sessions", lambda principal: 7)
    assert stats.get(principal=caller)["active_sessions"] == 7
