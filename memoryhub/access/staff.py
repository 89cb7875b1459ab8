"""What staff may do: four roles as Django groups, and how a signed-in user becomes a principal.

The groups are made by a migration. Their permissions are set after every migrate, because later
versions bring further models; who needs other rights makes a group of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest

from memoryhub.access.principals import Principal

#: Django permission → what a principal with it may ask of verbs.
GOVERNING = {"access.read_memories": "read", "access.write_memories": "write", "access.administer": "admin"}
#: The houses, by their labels: those that this version does not have are left out.
HOUSES = ("access", "registry", "search", "sync", "sessions_app", "agents_app", "procedures_app")
EVERY_ACTION = ("add", "change", "delete", "view")


@dataclass(frozen=True)
class Role:
    """A group: what its members may do behind the admin, and ``label.action_model`` patterns with ``*``."""

    name: str
    governing: tuple[str, ...]
    patterns: tuple[tuple[str, tuple[str, ...], str], ...]


ADMINISTRATOR = Role(
    "Administrator",
    ("access.read_memories", "access.write_memories", "access.administer"),
    (*((house, EVERY_ACTION, "") for house in HOUSES), ("auth", EVERY_ACTION, ""), ("", ("view",), "")),
)
REVIEWER = Role(
    "Conflict reviewer",
    ("access.read_memories", "access.write_memories"),
    (
        *((house, ("view",), "") for house in HOUSES if house != "access"),
        ("access", ("view",), "agent"),
        ("access", ("view",), "grant"),
        ("agents_app", EVERY_ACTION, "conflict"),
        ("registry", ("change",), "contextentry"),
    ),
)
EDITOR = Role(
    "Procedure editor",
    ("access.read_memories", "access.write_memories"),
    (
        *((house, ("view",), "") for house in HOUSES if house != "access"),
        ("access", ("view",), "agent"),
        ("procedures_app", EVERY_ACTION, ""),
    ),
)
AUDITOR = Role("Auditor", ("access.read_memories",), (("", ("view",), ""),))
ROLES = (ADMINISTRATOR, REVIEWER, EDITOR, AUDITOR)


def grant_roles_their_permissions(using: str = "default", **_: Any) -> None:
    """Sets the permissions of the four groups; a receiver of ``post_migrate``. Repeating it changes nothing."""
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0, using=using)  # Django does so app by app: later ones have none yet
    everything = list(Permission.objects.using(using).select_related("content_type"))
    for role in ROLES:
        group = Group.objects.using(using).filter(name=role.name).first()
        if group is not None:
            group.permissions.set(of_role(role, everything))


def of_role(role: Role, everything: Iterable[Permission]) -> list[Permission]:
    return [permission for permission in everything if belongs(role, permission)]


def belongs(role: Role, permission: Permission) -> bool:
    label, codename = permission.content_type.app_label, permission.codename
    if f"{label}.{codename}" in GOVERNING:
        return f"{label}.{codename}" in role.governing
    action, _, model = codename.partition("_")
    return any(
        house in ("", label) and action in actions and model.startswith(start)
        for house, actions, start in role.patterns
    )


def staff_principal(request: HttpRequest) -> Principal:
    """The principal of a signed-in staff user: what its permissions say, in all tenants or those that limit it."""
    user = request.user
    assert isinstance(user, User)
    limits = tuple(user.tenant_limits.values_list("tenant_id", flat=True))
    return Principal(
        kind="staff",
        name=user.get_username(),
        permissions=frozenset(meant for held, meant in GOVERNING.items() if user.has_perm(held)),
        staff_tenants=limits or None,
        staff_pk=user.pk,
        request_id=getattr(request, "request_id", ""),
    )
