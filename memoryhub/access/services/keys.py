"""API keys: made, rotated, revoked. The text of a key leaves this module once and is kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from memoryhub.access import credentials
from memoryhub.access.exceptions import Conflict, Forbidden, Invalid, NotFound
from memoryhub.access.models import Agent, ApiKey, Tenant
from memoryhub.access.models.keys import SCOPES
from memoryhub.access.models.tenancy import tenant_rows
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls, verb, writes_global


class AlreadyRotated(Conflict):
    """This key has a successor that still works. Revoke one of the two first."""

    code = "already_rotated"


@verb
def create(
    *,
    principal: Principal,
    tenant_id: str | None,
    agent_id: str | None = None,
    user_id: str | None = None,
    scopes: Iterable[str],
    name: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which cannot be shown again. Needs ``admin``.

    ``tenant_id`` None makes a platform key. NotFound for an unknown or inactive tenant or agent,
    Invalid for other scopes than read, write, admin and for an end in the past.
    """
    principal.require("admin")
    granted = checked_scopes(scopes)
    check_end(expires_at)
    with behind_walls(inside := owner_of(principal, tenant_id)):
        check_binding(tenant_id, agent_id, user_id)
        return make(
            inside,
            tenant_id=tenant_id,
            agent_id=agent_id,
            user_id=user_id,
            scopes=granted,
            name=name,
            expires_at=expires_at,
        )


def owner_of(principal: Principal, tenant_id: str | None) -> Principal:
    if tenant_id is None and not (writes_global(principal) and principal.tenant_id is None):
        raise Forbidden("Only a platform administrator makes platform keys.")
    return principal.within(tenant_id)


def checked_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = set(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise Invalid("scopes", f"Choose one or more of: {', '.join(SCOPES)}.")
    return [scope for scope in SCOPES if scope in wanted]


def check_end(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("expires_at", "The end lies in the past. Choose a later one, or none.")


def check_binding(tenant_id: str | None, agent_id: str | None, user_id: str | None) -> None:
    if tenant_id is None:
        if agent_id or user_id:
            raise Invalid(
                "tenant_id", "A platform key is bound to no agent and no user. Name a tenant, or leave them out."
            )
        return
    if not Tenant.objects.filter(tenant_id=tenant_id, active=True).exists():
        raise NotFound(f"There is no active tenant '{tenant_id}'.")
    if agent_id and not Agent.objects.filter(tenant_id=tenant_id, agent_id=agent_id, active=True).exists():
        raise NotFound(f"There is no active agent '{agent_id}' in tenant '{tenant_id}'.")


def make(principal: Principal, **fields: Any) -> tuple[ApiKey, str]:
    new = credentials.make_key()
    key = ApiKey.objects.create(
        public_id=new.public_id, digest=new.digest, created_by=principal.actor, **blank_to_null(fields)
    )
    record("access.key.created", principal, key, new=described(key))
    return key, new.text


def blank_to_null(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {name: fields[name] or None for name in ("agent_id", "user_id")}


@verb
def revoke(*, principal: Principal, key_id: UUID, reason: str = "") -> ApiKey:
    """Ends a key at once here, within ``access.key_cache_seconds`` in other processes. Repeating changes nothing."""
    principal.require("admin")
    key = locked(principal, key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record("access.key.revoked", principal, key, reason=reason)
        credentials.forget_cached_keys()
    return key


@verb
def rotate(*, principal: Principal, key_id: UUID, grace: timedelta | None = None) -> tuple[ApiKey, str]:
    """A successor with the same rights, and its text. The old key works on for ``grace``, or until it is revoked.

    The successor lives as long as the old key was made for. Conflict for a key that no longer works;
    AlreadyRotated while an earlier successor works.
    """
    principal.require("admin")
    old, now = locked(principal, key_id), timezone.now()
    check_can_rotate(old, now)
    lifetime = old.expires_at - old.created_at if old.expires_at else None
    copied = {field: getattr(old, field) for field in ("tenant_id", "agent_id", "user_id", "scopes", "name")}
    key, text = make(principal, **copied, expires_at=now + lifetime if lifetime else None, replaces=old)
    if grace is not None:
        end_after(principal, old, now + grace)
    return key, text


def check_can_rotate(old: ApiKey, now: datetime) -> None:
    if not old.usable_at(now):
        raise Conflict("This key no longer works. Make a new one instead.")
    if any(successor.usable_at(now) for successor in old.successors.all()):
        raise AlreadyRotated()


def end_after(principal: Principal, key: ApiKey, end: datetime) -> None:
    before = key.expires_at
    key.expires_at = min(before, end) if before else end
    key.save(update_fields=["expires_at"])
    record("access.key.expiry_set", principal, key, old={"expires_at": shown(before)}, new={"expires_at": shown(end)})
    credentials.forget_cached_keys()


def touch(*, principal: Principal) -> None:
    """Notes that the principal's key was used; writes at most once a minute, in one statement of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_touch_key(%s)", [principal.key_id])


def within_reach(principal: Principal) -> QuerySet[ApiKey]:
    """The keys that the principal may govern: its tenants', and platform keys where it is the platform."""
    reach = tenant_rows(principal)
    if writes_global(principal) and principal.tenant_id is None:
        reach |= Q(tenant_id=None)
    found: QuerySet[ApiKey] = ApiKey.objects.filter(reach)
    return found


def locked(principal: Principal, key_id: UUID) -> ApiKey:
    key = within_reach(principal).select_for_update().filter(pk=key_id).first()
    if key is None:
        raise NotFound()
    return key


def described(key: ApiKey) -> dict[str, Any]:
    return {
        "agent_id": key.agent_id,
        "user_id": key.user_id,
        "scopes": list(key.scopes),
        "name": key.name,
        "expires_at": shown(key.expires_at),
        "replaces": str(key.replaces_id) if key.replaces_id else None,
    }


def shown(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def record(action: str, principal: Principal, key: ApiKey, **values: Any) -> None:
    audit.record(
        action, principal=principal, tenant_id=key.tenant_id, object_type="api_key", object_id=key.id, **values
    )
