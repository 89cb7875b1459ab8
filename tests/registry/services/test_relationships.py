"""Links between entries: made by who may write the source, seen by who sees both ends."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import EphemeralEntryError, NotGranted, TargetNotFound
from memoryhub.registry.services import deletion, locks, relationships, sharing
from memoryhub.registry.services.entries import Stored
from tests.registry.conftest import agent

Store = Callable[..., Stored]
ALICE = agent("alice")


def listed(entry_id: UUID, principal: Principal, **filters: str) -> list[str]:
    with behind_walls(principal):
        links = relationships.of_entry(entry_id, principal=principal, **filters)  # type: ignore[arg-type]
        return sorted(link.relationship_type for link in links)


def near(entry_id: UUID, principal: Principal, depth: int = 1, limit: int = 50) -> list[tuple[str, int]]:
    found = relationships.related(entry_id, principal=principal, depth=depth, limit=limit)
    return [(neighbor.entry.key, neighbor.distance) for neighbor in found.neighbors]


@pytest.fixture
def chain(store: Store, caller: Principal) -> dict[str, UUID]:
    """a supports b (.5), b supports c, d follows a (.9)."""
    ids = {key: store(key, key, scope="tenant").entry_id for key in "abcd"}
    for source, kind, target, strength in (
        ("a", "supports", "b", 0.5),
        ("b", "supports", "c", 1),
        ("d", "follows", "a", 0.9),
    ):
        relationships.relate(
            ids[source], principal=caller, target_id=ids[target], relationship_type=kind, strength=strength
        )
    return ids


def test_links_are_listed_from_both_ends(chain: dict[str, UUID], caller: Principal) -> None:
    assert listed(chain["a"], caller) == ["follows", "supports"]
    assert listed(chain["a"], caller, direction="out") == ["supports"]
    assert listed(chain["a"], caller, direction="in") == ["follows"]
    assert listed(chain["a"], caller, relationship_type="follows") == ["follows"]


def test_neighbors_nearest_and_strongest_first(chain: dict[str, UUID], caller: Principal) -> None:
    assert near(chain["a"], caller) == [("d", 1), ("b", 1)]
    assert near(chain["a"], caller, depth=2) == [("d", 1), ("b", 1), ("c", 2)]
    first = relationships.related(chain["a"], principal=caller, limit=1)
    assert ([one.entry.key for one in first.neighbors], first.truncated) == (["d"], True)


def test_the_same_link_again_takes_the_new_strength(chain: dict[str, UUID], caller: Principal) -> None:
    again = relationships.relate(
        chain["a"], principal=caller, target_id=chain["b"], relationship_type="supports", strength=0.1
    )
    assert (again.created, again.link.strength) == (False, 0.1)


def test_who_does_not_see_both_ends_sees_no_link(store: Store, caller: Principal) -> None:
    open_, hidden = store("open", 1, scope="tenant").entry_id, store("hidden", 1, scope="agent").entry_id
    relationships.relate(open_, principal=caller, target_id=hidden, relationship_type="secret")
    relationships.relate(hidden, principal=caller, target_id=open_, relationship_type="back")
    assert listed(open_, ALICE) == []
    assert near(open_, ALICE) == []
    with pytest.raises(TargetNotFound):
        relationships.relate(open_, principal=ALICE, target_id=hidden, relationship_type="guess")
    with pytest.raises(NotFound):
        relationships.related(hidden, principal=ALICE)
    with pytest.raises(NotFound):
        listed(open_, agent("alden", tenant="other"))


def test_a_path_through_a_hidden_entry_is_no_path(store: Store, caller: Principal) -> None:
    ids = [store(key, 1, scope="agent" if key == "m" else "tenant").entry_id for key in "lmr"]
    for source, target in pairwise(ids):
        relationships.relate(source, principal=caller, target_id=target, relationship_type="next")
    assert near(ids[0], caller, depth=2) == [("m", 1), ("r", 2)]
    assert near(ids[0], ALICE, depth=2) == []


def test_only_who_may_write_the_source_links_it(store: Store, caller: Principal) -> None:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    agents.ensure(principal=system_principal("test"), tenant_id="acme", agent_id="alice")
    mine, other = store("mine", 1, scope="agent").entry_id, store("other", 1, scope="tenant").entry_id
    sharing.share(mine, principal=caller, agent_ids=["alice"])
    with pytest.raises(NotGranted):
        relationships.relate(mine, principal=ALICE, target_id=other, relationship_type="x")
    link = relationships.relate(mine, principal=caller, target_id=other, relationship_type="x").link
    with pytest.raises(NotGranted):
        relationships.unrelate(mine, link.pk, principal=ALICE)
    made = relationships.relate(other, principal=ALICE, target_id=mine, relationship_type="y").link
    with behind_walls(ALICE):
        read = AuditEvent.objects.filter(action="registry.read.cross_agent")
        assert not read.exists()
        assert near(other, ALICE) == [("mine", 1)]
        assert read.count() == 1, "another agent's memory was read"
    relationships.unrelate(mine, made.pk, principal=ALICE)
    with pytest.raises(NotFound):
        relationships.unrelate(mine, made.pk, principal=ALICE)


def test_what_cannot_be_linked(store: Store, caller: Principal) -> None:
    one = store("one", 1).entry_id
    fleeting = store("fleeting", 1, layer="ephemeral").entry_id
    with pytest.raises(Invalid):
        relationships.relate(one, principal=caller, target_id=one, relationship_type="self")
    with pytest.raises(TargetNotFound):
        relationships.relate(one, principal=caller, target_id=uuid4(), relationship_type="x")
    for source, target in ((one, fleeting), (fleeting, one)):
        with pytest.raises(EphemeralEntryError):
            relationships.relate(source, principal=caller, target_id=target, relationship_type="x")


def test_links_need_no_lock_and_hide_with_their_ends(chain: dict[str, UUID], caller: Principal) -> None:
    locks.acquire(chain["a"], principal=ALICE)
    relationships.relate(chain["a"], principal=caller, target_id=chain["c"], relationship_type="while_locked")
    deletion.delete(chain["c"], principal=caller)
    assert listed(chain["a"], caller) == ["follows", "supports"]
