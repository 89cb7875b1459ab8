"""Staff: which tenants a user sees, and a line in the trail for every change of a staff account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.models import StaffLimit, Tenant
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb


@verb
def limit(*, principal: Principal, user_id: int, tenant_ids: Iterable[str]) -> list[str]:
    """Limits a staff user to these tenants; to none lifts the limit. Needs ``admin`` and sight of all tenants."""
    require_sight_of_all(principal)
    wanted = sorted(set(tenant_ids))
    user = User.objects.select_for_update().filter(pk=user_id).first()
    known = Tenant.objects.filter(tenant_id__in=wanted).count()
    if user is None or known != len(wanted):
        raise NotFound("There is no such staff user, or no such tenant.")
    before = limits_of(user)
    if before == wanted:
        return wanted
    StaffLimit.objects.filter(user=user).exclude(tenant_id__in=wanted).delete()
    StaffLimit.objects.bulk_create([StaffLimit(user=user, tenant_id=name) for name in wanted if name not in before])
    record(principal, "access.staff.limited", user, old={"tenants": before}, new={"tenants": wanted})
    return wanted


@verb
def note_change(*, principal: Principal, action: str, user: User) -> None:
    """Writes down what an account is after ``action`` (made, changed, password_set, deleted)."""
    require_sight_of_all(principal)
    described = {
        "username": user.get_username(),
        "active": user.is_active,
        "staff": user.is_staff,
        "superuser": user.is_superuser,
        "groups": sorted(user.groups.values_list("name", flat=True)) if user.pk else [],
    }
    record(principal, f"access.staff.{action}", user, new=described)


def require_sight_of_all(principal: Principal) -> None:
    """Who is limited to tenants could otherwise make itself an account that is not."""
    principal.require("admin")
    if principal.tenant_id is not None or (principal.kind == "staff" and principal.staff_tenants is not None):
        raise Forbidden("Staff accounts are governed by those who see all tenants.")


def limits_of(user: User) -> list[str]:
    return sorted(StaffLimit.objects.filter(user=user).values_list("tenant_id", flat=True))


def record(principal: Principal, action: str, user: User, **values: Any) -> None:
    audit.record(action, principal=principal, object_type="staff", object_id=str(user.pk), **values)
