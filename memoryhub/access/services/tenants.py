"""Tenants: made, named, switched off and on."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.models import Tenant
from memoryhub.access.models.tenants import slug_validator
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls, verb, writes_global


@verb
def ensure(*, principal: Principal, tenant_id: str, name: str = "") -> Tenant:
    """The tenant, made where missing. Only the platform makes tenants: Forbidden for others."""
    checked_slug(tenant_id)
    with behind_walls(principal.within(tenant_id)):
        found = Tenant.objects.filter(tenant_id=tenant_id).first()
    return found or create(principal=principal, tenant_id=tenant_id, name=name)


@verb
def create(*, principal: Principal, tenant_id: str, name: str = "", text_search_config: str = "english") -> Tenant:
    """A new tenant, or the one that another process made in the same moment."""
    checked_slug(tenant_id)
    check_text_search(text_search_config)
    if not (writes_global(principal) and principal.is_admin):
        raise Forbidden("Only a platform administrator makes tenants.")
    with behind_walls(inside := principal.within(tenant_id)):
        tenant, made = Tenant.objects.get_or_create(
            tenant_id=tenant_id, defaults={"name": name, "text_search_config": text_search_config}
        )
        if made:
            record("access.tenant.created", inside, tenant, new=described(tenant))
    return tenant


@verb
def change(
    *,
    principal: Principal,
    tenant_id: str,
    name: str | None = None,
    text_search_config: str | None = None,
    active: bool | None = None,
) -> Tenant:
    """Changes what is not None. An inactive tenant's keys answer 401 within ``access.key_cache_seconds``."""
    principal.require("admin")
    wanted = {"name": name, "text_search_config": text_search_config, "active": active}
    fields = {field: value for field, value in wanted.items() if value is not None}
    if text_search_config is not None:
        check_text_search(text_search_config)
    if "active" in fields and not writes_global(principal):
        raise Forbidden("Only a platform administrator switches a tenant off or on.")
    with behind_walls(inside := principal.within(tenant_id)):
        tenant: Tenant | None = Tenant.objects.select_for_update().filter(tenant_id=tenant_id).first()
        if tenant is None:
            raise NotFound()
        apply(inside, tenant, fields)
    return tenant


def apply(principal: Principal, tenant: Tenant, fields: dict[str, str | bool]) -> None:
    old = described(tenant)
    for field, value in fields.items():
        setattr(tenant, field, value)
    if described(tenant) == old:
        return
    tenant.save(update_fields=list(fields))
    record("access.tenant.changed", principal, tenant, old=old, new=described(tenant))


def checked_slug(tenant_id: str) -> None:
    try:
        slug_validator(tenant_id)
    except ValidationError as error:
        raise Invalid("tenant_id", error.messages[0]) from error


def check_text_search(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cfgname FROM pg_ts_config ORDER BY 1")
        known = [row[0] for row in cursor.fetchall()]
    if name not in known:
        raise Invalid(
            "text_search_config",
            f"PostgreSQL knows no text search configuration '{name}'. Choose one of: {', '.join(known)}.",
        )


def described(tenant: Tenant) -> dict[str, str | bool]:
    return {"name": tenant.name, "text_search_config": tenant.text_search_config, "active": tenant.active}


def record(action: str, principal: Principal, tenant: Tenant, **values: Any) -> None:
    audit.record(action, principal=principal, object_type="tenant", object_id=tenant.tenant_id, **values)
