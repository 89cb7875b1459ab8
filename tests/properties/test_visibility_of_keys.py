"""Finding by key sees exactly what the predicate lets through: the addresses are the predicate, written as places."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoryhub.access.exceptions import HubError
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.addresses import LOOKING_ORDER
from memoryhub.registry.services.drafts import Draft

pytestmark = pytest.mark.django_db

TENANTS, USERS, SESSIONS, AGENTS = ("t1", "t2"), (None, "u1", "u2"), (None, "s1", "s2"), ("a1", "a2")


def key_of(tenant: str, agent: str | None) -> Principal:
    permissions = frozenset({"read", "write"})
    return Principal(kind="key", name="k", tenant_id=tenant, agent_id=agent, permissions=permissions)


PLACES: list[dict[str, Any]] = [
    {"scope": "global"},
    {"scope": "tenant"},
    *({"scope": "user", "user_id": user} for user in USERS[1:]),
    *({"scope": "session", "session_id": session} for session in SESSIONS[1:]),
    *({"scope": "agent", "agent_id": agent, "user_id": user} for agent, user in product(AGENTS, USERS)),
]
everywhere = st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(PLACES)), unique_by=str, max_size=12)
callers = st.builds(
    lambda tenant, agent, user, session, bound: replace(
        key_of(tenant, agent), named_user=user, named_session=session, bound_user=user if bound else None
    ),
    st.sampled_from(TENANTS),
    st.sampled_from((None, *AGENTS)),
    st.sampled_from(USERS),
    st.sampled_from(SESSIONS),
    st.booleans(),
)


def put(tenant: str, place: dict[str, Any]) -> Any:
    named = {name: value for name, value in place.items() if value is not None}
    system = system_principal("test", tenant)
    return entries.store(Draft(key="k", value=f"{tenant} {place}", **named), principal=system).entry_id


def expected(caller: Principal) -> set[Any]:
    """What the predicate lets through, less agents' entries about a user whom nobody named."""
    with behind_walls(caller):
        rows = list(ContextEntry.objects.visible_to(caller).present().filter(key="k"))
    return {row.pk for row in rows if row.scope != "agent" or row.user_id in (None, caller.named_user)}


def found(caller: Principal) -> set[Any]:
    """Every entry that some scope finds."""
    reached = set()
    for scope, agent in product(LOOKING_ORDER, (None, *AGENTS)):
        for named in {caller.named_user, caller.bound_user}:
            asked = replace(caller, named_user=named)
            try:
                reached.add(entries.retrieve(key="k", scope=scope, agent_id=agent, principal=asked).entry_id)
            except HubError:
                continue
    return reached


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=everywhere, granted=st.sets(st.sampled_from(range(12))), caller=callers)
def test_keys_find_what_is_visible(db: None, stored: list[Any], granted: set[int], caller: Principal):
    ids = [(tenant, place, put(tenant, place)) for tenant, place in stored]
    for number, (tenant, place, entry_id) in enumerate(ids):
        if number in granted and place["scope"] == "agent":
            with behind_walls(system_principal("test", tenant)):
                for agent in AGENTS:
                    Grant.objects.get_or_create(
                        tenant_id=tenant, entry_id=entry_id, agent_id=agent, defaults={"created_by": "t"}
                    )
    try:
        visible, reached = expected(caller), found(caller)
        assert reached <= visible
        hidden = visible - reached
        # an agent's entry about the user named hides its entry about nobody, and granted ones stand behind their like
        with behind_walls(system_principal("test", caller.tenant_id)):
            assert all(row.scope == "agent" for row in ContextEntry.objects.filter(pk__in=hidden))
        if visible:
            nearest = entries.retrieve(key="k", principal=caller)
            order = {scope: rank for rank, scope in enumerate(LOOKING_ORDER)}
            with behind_walls(caller):
                scopes = list(ContextEntry.objects.filter(pk__in=visible).values_list("scope", flat=True))
            assert nearest.scope == min(scopes, key=order.__getitem__)
    finally:
        for tenant in (*TENANTS, None):
            with behind_walls(system_principal("test", tenant)):
                ContextEntry.objects.filter(tenant_id=tenant).delete()
