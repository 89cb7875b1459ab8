"""Who may see what, said a second time in plain Python, and a small world to compare the two in.

``may_read`` and ``may_write`` follow the rules of visibility word by word and know no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from uuid import UUID

from django.utils import timezone
from hypothesis import strategies as st

from memoryhub.access.ids import new_id
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry
from memoryhub.search.models import IndexRow

TENANTS, USERS, SESSIONS, AGENTS = ("a", "b"), ("u", "v"), ("s", "t"), ("x", "y")
Grants = frozenset[tuple[UUID, str, bool]]


@dataclass(frozen=True)
class Row:
    """What decides who sees an entry (or the index row of one, or of a message)."""

    id: UUID
    scope: str
    tenant_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None

    @property
    def is_message(self) -> bool:
        return self.scope == "user" and self.session_id is not None


def world() -> list[Row]:
    """Every combination of the scope columns that can be, in two tenants."""
    return [replace(row, id=new_id()) for row in every_row()]


def every_row() -> Iterator[Row]:
    nobody = UUID(int=0)
    yield Row(nobody, "global")
    for tenant in TENANTS:
        yield Row(nobody, "tenant", tenant)
        yield from (Row(nobody, "user", tenant, user) for user in USERS)
        yield from (Row(nobody, "session", tenant, None, session) for session in SESSIONS)
        yield from (Row(nobody, "agent", tenant, user, None, agent) for user in (None, *USERS) for agent in AGENTS)
        yield from (Row(nobody, "user", tenant, user, session) for user, session in product(USERS, SESSIONS))


def store(rows: list[Row]) -> None:
    """The entries, and index rows of all."""
    now = timezone.now()
    for row in rows:
        columns = {name: getattr(row, name) for name in ("scope", "tenant_id", "user_id", "session_id", "agent_id")}
        if not row.is_message:
            ContextEntry.objects.create(id=row.id, key="k", layer="long_term", value=1, **columns)
        kind = "message" if row.is_message else "entry"
        index = {"kind": kind, "event_at": now, "created_at": now, "version": 1, "content": "word"}
        IndexRow.objects.update_or_create(id=row.id, defaults=index | columns)


def store_grants(rows: list[Row], grants: Grants) -> None:
    tenants = {row.id: row.tenant_id or "" for row in rows}
    Grant.objects.bulk_create(
        Grant(entry_id=entry, tenant_id=tenants[entry], agent_id=agent, can_write=can_write, created_by="test")
        for entry, agent, can_write in grants
    )


def may_read(who: Principal, row: Row, grants: Grants) -> bool:
    if row.scope == "global":
        return True
    return in_tenant(who, row) and (who.kind != "key" or in_scope(who, row, {(e, a) for e, a, _ in grants}))


def may_write(who: Principal, row: Row, grants: Grants) -> bool:
    if row.scope == "global":
        unlimited = who.kind == "staff" and who.staff_tenants is None
        return who.kind == "system" or unlimited or (who.platform and "admin" in who.permissions)
    return in_tenant(who, row) and (who.kind != "key" or in_scope(who, row, {(e, a) for e, a, w in grants if w}))


def in_tenant(who: Principal, row: Row) -> bool:
    if who.tenant_id is not None:
        return row.tenant_id == who.tenant_id
    if who.kind == "staff":
        return who.staff_tenants is None or row.tenant_id in who.staff_tenants
    return who.kind == "system"


def in_scope(who: Principal, row: Row, opened: set[tuple[UUID, str]]) -> bool:
    if row.scope == "user":
        if who.named_user is None and "admin" in who.permissions:
            return True
        if row.is_message and row.session_id == who.named_session and who.bound_user is None:
            return True
        return row.user_id == who.named_user
    if row.scope == "session":
        return row.session_id == who.named_session
    if row.scope == "agent":
        own = row.agent_id == who.agent_id
        about = who.bound_user is None or row.user_id in (None, who.bound_user)
        return (own or (row.id, who.agent_id or "") in opened) and about
    return row.scope == "tenant"


def keys() -> st.SearchStrategy[Principal]:
    """API keys: of a tenant or of the platform, bound or not, naming a user and a session or not."""

    scopes = st.frozensets(st.sampled_from(("read", "write", "admin")))
    platform = st.builds(
        key, tenant_id=st.sampled_from((*TENANTS, None)), permissions=scopes, platform=st.just(True), **SPEAKING
    )
    of_tenant = st.builds(key, tenant_id=st.sampled_from(TENANTS), permissions=scopes, **SPEAKING)
    bound = st.builds(
        key, tenant_id=st.sampled_from(TENANTS), permissions=scopes, **SPEAKING | {"bound": st.just(True)}
    )
    return st.one_of(of_tenant, bound, platform)


SPEAKING = {
    "agent_id": st.sampled_from((*AGENTS, None)),
    "named_user": st.sampled_from((*USERS, None)),
    "named_session": st.sampled_from((*SESSIONS, None)),
}


def key(*, bound: bool = False, named_user: str | None = None, **columns: Any) -> Principal:
    return Principal(kind="key", name="k", named_user=named_user, bound_user=named_user if bound else None, **columns)


def staff() -> st.SearchStrategy[Principal]:
    """Staff in all tenants, in some, and inside one of those."""

    def make(limits: tuple[str, ...] | None, inside: str | None) -> Principal:
        tenant = inside if inside and (limits is None or inside in limits) else None
        return Principal(kind="staff", name="s", staff_tenants=limits, tenant_id=tenant)

    return st.builds(make, st.sampled_from((None, ("a",), ("b",), TENANTS)), st.sampled_from((*TENANTS, None)))


def jobs() -> st.SearchStrategy[Principal]:
    """Jobs in one tenant and across all of them."""
    return st.sampled_from([Principal(kind="system", name="j", tenant_id=tenant) for tenant in (*TENANTS, None)])


def grants_on(rows: list[Row]) -> st.SearchStrategy[Grants]:
    """Some agent-scoped entries opened to some agents, to read or to write."""
    pairs = [(row.id, agent) for row in rows if row.scope == "agent" for agent in AGENTS if agent != row.agent_id]
    chosen = st.dictionaries(st.sampled_from(pairs), st.booleans(), max_size=6)
    return chosen.map(lambda found: frozenset((entry, agent, write) for (entry, agent), write in found.items()))
