"""Which tenants' rows a principal may ask for: the part of the first wall that needs no scope."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Q

from memoryhub.access.principals import Principal


def tenant_rows(principal: Principal) -> Q:
    """Rows of the principal's tenant; staff outside a tenant sees all the tenants it may enter."""
    if principal.tenant_id is not None:
        return Q(tenant_id=principal.tenant_id)
    if principal.kind == "system" or (principal.kind == "staff" and principal.staff_tenants is None):
        return Q(tenant_id__isnull=False)
    if principal.kind == "staff":
        return Q(tenant_id__in=principal.staff_tenants)
    return Q(pk__in=[])


class TenantQuerySet(models.QuerySet[Any]):
    """For models that belong to a tenant as a whole."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(tenant_rows(principal))
