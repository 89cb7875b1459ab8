"""Staff roles: groups that hold what their names say, and principals made of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.management import call_command
from django.db import connection

from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import staff as accounts
from memoryhub.access.services import tenants
from memoryhub.access.staff import ROLES, grant_roles_their_permissions, staff_principal
from memoryhub.access.walls import behind_walls

pytestmark = pytest.mark.django_db
SYSTEM = system_principal("test")
BOSS = Principal(kind="staff", name="boss", permissions=frozenset({"admin"}))


def held(role: str) -> set[str]:
    rows = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


def member(*roles: str, superuser: bool = False) -> User:
    user = User.objects.create_user(f"u{User.objects.count()}", is_staff=True, is_superuser=superuser)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def principal(user: Any) -> Principal:
    return staff_principal(SimpleNamespace(user=user, request_id="r"))  # type: ignore[arg-type]


def test_a_fresh_database_has_the_four_roles_with_permissions():
    assert {role.name for role in ROLES} <= set(Group.objects.values_list("name", flat=True))
    assert all(held(role.name) for role in ROLES)


def test_an_auditor_sees_everything_and_changes_nothing():
    names = held("Auditor")
    assert {"access.view_auditevent", "access.view_apikey", "registry.view_contextentry", "auth.view_user"} <= names
    assert all(name.split(".")[1].startswith("view_") for name in names - {"access.read_memories"})


def test_an_administrator_governs_but_does_not_edit_what_workers_run():
    names = held("Administrator")
    assert {"access.administer", "access.add_apikey", "auth.change_user", "django_q.view_schedule"} <= names
    assert not {"django_q.change_schedule", "django_q.add_schedule", "sessions.change_session"} & names


@pytest.mark.parametrize("role", ["Conflict reviewer", "Procedure editor"])
def test_reviewers_and_editors_see_memories_and_no_keys(role):
    names = held(role)
    assert {"registry.view_contextentry", "access.write_memories"} <= names
    assert not {"access.view_apikey", "access.administer", "auth.view_user", "access.change_tenant"} & names


def test_granting_again_changes_nothing_and_repairs_what_was_taken(as_role):
    before = {role.name: held(role.name) for role in ROLES}
    Group.objects.get(name="Auditor").permissions.clear()
    grant_roles_their_permissions()
    assert {role.name: held(role.name) for role in ROLES} == before


@pytest.mark.parametrize(
    ("roles", "superuser", "expected"),
    [
        ([], False, set()),
        (["Auditor"], False, {"read"}),
        (["Conflict reviewer"], False, {"read", "write"}),
        (["Procedure editor"], False, {"read", "write"}),
        (["Administrator"], False, {"read", "write", "admin"}),
        ([], True, {"read", "write", "admin"}),
    ],
)
def test_a_principal_may_what_its_roles_say(roles, superuser, expected):
    made = principal(member(*roles, superuser=superuser))
    assert made.permissions == expected
    assert made.staff_tenants is None


def test_limits_make_a_principal_of_those_tenants(tenant):
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    user = member("Auditor")
    assert accounts.limit(principal=BOSS, user_id=user.pk, tenant_ids=["globex", "acme"]) == ["acme", "globex"]
    assert principal(user).staff_tenants == ("acme", "globex")
    accounts.limit(principal=BOSS, user_id=user.pk, tenant_ids=["acme"])
    assert principal(user).staff_tenants == ("acme",)
    accounts.limit(principal=BOSS, user_id=user.pk, tenant_ids=[])
    assert principal(user).staff_tenants is None
    with behind_walls(BOSS):
        assert AuditEvent.objects.filter(action="access.staff.limited").count() == 3


def test_unknown_tenants_and_users_are_not_found(tenant):
    with pytest.raises(NotFound):
        accounts.limit(principal=BOSS, user_id=member().pk, tenant_ids=["nowhere"])
    with pytest.raises(NotFound):
        accounts.limit(principal=BOSS, user_id=0, tenant_ids=[tenant])


def test_limited_staff_limits_nobody(tenant):
    limited = Principal(kind="staff", name="l", permissions=frozenset({"admin"}), staff_tenants=("acme",))
    with pytest.raises(Forbidden):
        accounts.limit(principal=limited, user_id=member().pk, tenant_ids=[])


def test_nobody_signed_in_is_no_principal():
    with pytest.raises(AssertionError):
        principal(AnonymousUser())


def test_the_migration_can_be_taken_back_and_repeated(as_role):
    with as_role("memoryhub_owner"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        call_command("migrate", "access", "0003", verbosity=0)
        assert not Group.objects.filter(name="Auditor").exists()
        call_command("migrate", "access", verbosity=0)
    assert held("Auditor")
