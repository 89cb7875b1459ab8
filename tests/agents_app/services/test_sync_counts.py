from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from agents_app.models import ChangeFeed, Replica
from agents_app.services import conflicts, defaults, syncing
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

SYSTEM = system_principal("test", "acme")


@pytest.fixture
def alden(as_agent: Callable[..., Principal], tenant: str) -> Principal:
    defaults.install(principal=SYSTEM, tenant_id=tenant)
    return as_agent("alden")


def stored(principal: Principal, key: str, **fields: Any) -> UUID:
    draft = Draft(**{"key": key, "value": key, "scope": "agent", "category": "user_preferences"} | fields)
    return entries.store(draft, principal=principal).entry_id


def counted(agent_id: str, **asked: Any) -> tuple[int, int]:
    did = syncing.sync_agent(agent_id, principal=SYSTEM, **asked).counts
    return did["memories_synced"], did["memories_shared"]


def test_what_changed_in_a_slice_is_counted_once(alden: Principal) -> None:
    for key in ("a", "b"):
        stored(alden, key, user_id="pat")
    stored(alden, "c", user_id="sam")
    assert counted("alden") == (3, 6)
    assert counted("alice") == (3, 0)
    assert counted("alden") == (0, 0)
    stored(alden, "a", user_id="pat", value="new")
    assert counted("alice", user_id="sam") == (0, 0)
    assert counted("alice") == (1, 0)
    assert counted("alden", user_id="pat", force=True) == (2, 4)
    assert counted("alice", user_id="sam", force=True) == (1, 0)
    assert counted("alden", force=True) == (3, 6)
    assert counted("sentry") == (0, 0)


def test_conflicts_that_came_up_are_counted_for_all_concerned(alden: Principal) -> None:
    entry_id = stored(alden, "a")
    syncing.sync_all(principal=SYSTEM)
    for value in ("b", "c"):
        conflicts.submit(entry_id, principal=alden, base_version=1, value=value, strategy="manual_review")
    assert syncing.sync_agent("alden", principal=SYSTEM).counts["conflicts_detected"] == 1
    assert syncing.sync_agent("alden", principal=SYSTEM).counts["conflicts_detected"] == 0
    assert syncing.sync_agent("alden", principal=SYSTEM, force=True).counts["conflicts_detected"] == 1
    assert syncing.sync_agent("mimic", principal=SYSTEM).counts["conflicts_detected"] == 0


def test_replicas_are_counted_with_what_they_lack(alden: Principal, tenant: str) -> None:
    with behind_walls(SYSTEM):
        ChangeFeed.objects.create(tenant_id=tenant, agent_id="alden", last_seq=7)
        for acked in (7, 3):
            Replica.objects.create(tenant_id=tenant, agent_id="alden", epoch=1, acked_seq=acked)
    run = syncing.sync_agent("alden", principal=SYSTEM)
    assert (run.counts["replicas"], run.counts["replicas_behind"], run.counts["replica_lag"]) == (2, 1, 4)
    assert (run.since_seq, run.through_seq) == (0, 7)
    assert syncing.sync_agent("alden", principal=SYSTEM).since_seq == 7
    assert syncing.sync_agent("alden", principal=SYSTEM, force=True).since_seq == 0
