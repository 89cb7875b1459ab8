"""Canonical names of categories, and the aliases that lead to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import connection

from agents_app.models import CategoryAlias, SharingRule
from agents_app.services import regranting
from agents_app.services.profiles import tenant_of
from memoryhub.access.exceptions import Conflict, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.trips import one_trip
from memoryhub.access.walls import verb
from memoryhub.search.requests import Filters

LONGEST = 200
#: Every entry has this category unless told otherwise: it is never looked up.
DEFAULT = "general"


class AliasTaken(Conflict):
    """This alias already stands for another category. Remove it first."""

    code = "alias_taken"


def slug(name: str, field: str = "category") -> str:
    """Lower case, words joined by underscores. Raises Invalid for an empty or overlong name."""
    if not name.strip() or len(name) > LONGEST:
        raise Invalid(field, f"Name it in 1 to {LONGEST} characters.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_slug(%s)", [name])
        [(found,)] = cursor.fetchall()
    return str(found)


@verb
def canonical(name: str, *, principal: Principal) -> str:
    """The category that a name stands for in the principal's tenant: by alias, else its slug."""
    wanted = slug(name)
    found = CategoryAlias.objects.visible_to(principal).filter(alias=wanted).values_list("category", flat=True).first()
    return found or wanted


def filters_as_stored(filters: Filters, principal: Principal) -> Filters:
    """A search for ``preference`` finds what was stored under it."""
    if filters.category is None or filters.category == DEFAULT:
        return filters
    asked = [principal.tenant_id, filters.category]
    [(found,)] = one_trip("SELECT agents_category(%s, %s)", asked, principal=principal)
    return replace(filters, category=found)


@verb
def save_alias(*, principal: Principal, alias: str, category: str) -> CategoryAlias:
    """Lets ``alias`` stand for ``category`` from now on; again changes nothing. Needs ``admin``.

    Stored memories follow in a job. Raises Invalid, AliasTaken (it stands for another category).
    """
    principal.require("admin")
    tenant_id = tenant_of(principal)
    wanted, target = slug(alias, "alias"), canonical(category, principal=principal)
    check_alias(wanted, target, principal)
    found: CategoryAlias
    found, made = CategoryAlias.objects.get_or_create(tenant_id=tenant_id, alias=wanted, defaults={"category": target})
    if found.category != target:
        raise AliasTaken(f"'{wanted}' already stands for '{found.category}'. Remove that alias first.")
    if made:
        record("agents.alias.created", principal, found)
        regranting.queue(principal=principal, categories=[wanted, target], reason=f"New alias {wanted}.")
    return found


def check_alias(alias: str, target: str, principal: Principal) -> None:
    if alias == target:
        raise Invalid("alias", "The alias is the category itself. Name another word.")
    if alias == DEFAULT:
        raise Invalid("alias", f"'{DEFAULT}' is what memories without a category have; it stands for itself.")
    if CategoryAlias.objects.visible_to(principal).filter(category=alias).exists():
        raise Invalid("alias", f"Other aliases lead to '{alias}'. An alias leads to a category, not to an alias.")
    if SharingRule.objects.visible_to(principal).filter(category=alias).exists():
        raise Invalid("alias", f"There are sharing rules for '{alias}'. Change or remove them first.")


@verb
def remove_alias(*, principal: Principal, alias: str | UUID) -> None:
    """Forgets an alias, named by its word or id; memories stored under it keep the category. Needs ``admin``."""
    principal.require("admin")
    named: dict[str, Any] = {"pk": alias} if isinstance(alias, UUID) else {"alias": slug(alias, "alias")}
    found = CategoryAlias.objects.visible_to(principal).filter(**named).first()
    if found is None:
        raise NotFound("There is no such alias.")
    record("agents.alias.removed", principal, found)
    regranting.queue(principal=principal, categories=[found.alias, found.category], reason=f"Alias {found.alias} gone.")
    found.delete()


def record(action: str, principal: Principal, found: CategoryAlias) -> None:
    audit.record(
        action,
        principal=principal,
        tenant_id=found.tenant_id,
        object_type="category_alias",
        object_id=found.alias,
        new={"alias": found.alias, "category": found.category},
    )
