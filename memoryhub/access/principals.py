"""Who is calling: every verb takes a principal, and there is no way around having one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from memoryhub.access import consulting
from memoryhub.access.exceptions import Forbidden, ScopeMissing, TenantMismatch

Kind = Literal["key", "staff", "system"]
Permission = Literal["read", "write", "admin"]
ALL_PERMISSIONS: frozenset[str] = frozenset({"read", "write", "admin"})


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a verb.

    ``tenant_id`` is None only for platform keys, system jobs across tenants and staff that is not
    acting inside one tenant. ``named_user`` and ``named_session`` are whom the request speaks
    about: they decide which user and session memories are in reach. ``fence`` is the fencing number of
    the lock that the caller says to hold (``Lock-Fence``), ``consultation`` the token of the operation that it
    says to be at work on (``Consultation-Token``). ``guarded``: entering a tenant, it must have consulted there.
    """

    kind: Kind
    name: str
    tenant_id: str | None = None
    agent_id: str | None = None
    bound_user: str | None = None
    permissions: frozenset[str] = frozenset()
    named_user: str | None = None
    named_session: str | None = None
    key_id: UUID | None = None
    platform: bool = False
    staff_tenants: tuple[str, ...] | None = None
    staff_pk: int | None = None
    request_id: str = ""
    fence: int | None = None
    consultation: str = field(default="", repr=False)
    guarded: bool = False

    @property
    def is_admin(self) -> bool:
        return "admin" in self.permissions

    @property
    def actor(self) -> str:
        """The name written as author: the agent where one acts, else who holds the credential."""
        return self.agent_id or self.name

    def require(self, permission: Permission) -> None:
        if permission not in self.permissions:
            raise ScopeMissing(permission)

    def naming(self, *, user_id: str | None = None, session_id: str | None = None) -> Principal:
        """The same caller, speaking about a user and a session.

        A key bound to a user may name no other user, and no session of another.
        """
        if self.bound_user and user_id and user_id != self.bound_user:
            raise Forbidden("This key is bound to another user.", code="user_mismatch")
        user = user_id or self.named_user or self.bound_user
        session = session_id or self.named_session
        if (user, session) == (self.named_user, self.named_session):
            return self
        named = replace(self, named_user=user, named_session=session)
        if self.bound_user and session != self.named_session:
            check_session(named)
        return named

    def within(self, tenant_id: str | None) -> Principal:
        """The same caller inside a tenant: only platform keys, staff and the system may choose one."""
        if tenant_id is None or tenant_id == self.tenant_id:
            return self
        if not self.may_enter(tenant_id):
            raise TenantMismatch()
        inside = replace(self, tenant_id=tenant_id)
        if inside.guarded:
            consulting.check_writing(inside)
        return inside

    def admitted_to_write(self) -> Principal:
        """The same caller, about to write. Raises what the guard raises.

        A platform key is in no tenant yet: the guard looks at it wherever it enters one.
        """
        if self.tenant_id is None:
            return replace(self, guarded=True)
        consulting.check_writing(self)
        return self

    def may_enter(self, tenant_id: str) -> bool:
        if self.kind == "system" or (self.kind == "key" and self.platform):
            return True
        return self.kind == "staff" and (self.staff_tenants is None or tenant_id in self.staff_tenants)


#: Raises when the session that a user-bound caller names is another user's.
SessionGuard = Callable[[Principal], None]
_session_guards: list[SessionGuard] = []


def guard_sessions(guard: SessionGuard) -> None:
    """For the house that knows sessions, in ``AppConfig.ready``: this one cannot tell whose a session is."""
    _session_guards.append(guard)


def check_session(principal: Principal) -> None:
    for guard in _session_guards:
        guard(principal)


def system_principal(name: str, tenant_id: str | None = None) -> Principal:
    """The principal of jobs and commands; ``name`` says which one, for the audit trail."""
    return Principal(kind="system", name=f"system:{name}", tenant_id=tenant_id, permissions=ALL_PERMISSIONS)
