"""The second wall: what the database itself refuses."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from memoryhub.access.models import Agent, AuditEvent, Tenant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry

pytestmark = pytest.mark.django_db


def tables_with_tenant() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
            "AND c.relnamespace = 'public'::regnamespace"
        )
        return [row[0] for row in cursor.fetchall()]


def test_every_table_with_a_tenant_has_policies_for_reading_and_writing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename, count(*) FROM pg_policies p JOIN pg_class c ON c.relname = p.tablename "
            "WHERE c.relrowsecurity AND policyname IN ('tenant_read', 'tenant_write', 'system_all') GROUP BY 1"
        )
        walled = dict(cursor.fetchall())
    tables = tables_with_tenant()
    assert len(tables) > 15
    assert {table: walled.get(table) for table in tables} == dict.fromkeys(tables, 3)


def test_the_app_role_reaches_no_partition_around_the_wall():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' "
            "AND has_table_privilege('memoryhub_app', oid, 'SELECT')"
        )
        assert cursor.fetchone() == (0,)


def test_the_roles_own_nothing_and_bypass_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls, "
            "EXISTS (SELECT 1 FROM pg_class WHERE relowner = r.oid) FROM pg_roles r "
            "WHERE rolname IN ('memoryhub_app', 'memoryhub_system') ORDER BY 1"
        )
        assert cursor.fetchall() == [
            ("memoryhub_app", False, False, False),
            ("memoryhub_system", False, False, False),
        ]


def make_entry(tenant: str, key: str = "k") -> ContextEntry:
    with behind_walls(system_principal("test", tenant)):
        return ContextEntry.objects.create(key=key, layer="long_term", scope="tenant", tenant_id=tenant, value=1)


def test_functions_with_the_owners_rights_look_into_temporary_tables_last():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.proname, (SELECT c FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') FROM pg_proc p "
            "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
        )
        paths = dict(cursor.fetchall())
    assert "agents_allocation" in paths
    assert [name for name, path in paths.items() if not (path or "").endswith(", pg_temp")] == []


def test_without_a_tenant_there_are_no_rows():
    make_entry("a")
    with transaction.atomic():
        assert ContextEntry.objects.count() == 0


def test_with_the_first_wall_off_the_second_holds():
    """``objects.all()`` asks for everything: the database gives one tenant's rows only."""
    make_entry("a")
    make_entry("b")
    with behind_walls(Principal(kind="key", name="k", tenant_id="a")):
        assert [e.tenant_id for e in ContextEntry.objects.all()] == ["a"]
        assert ContextEntry.objects.filter(tenant_id="b").update(key="stolen") == 0


def test_a_row_of_another_tenant_cannot_be_written():
    with pytest.raises(DatabaseError), behind_walls(Principal(kind="key", name="k", tenant_id="a")):
        Agent.objects.create(tenant_id="b", agent_id="intruder")


def test_global_rows_are_read_by_all_and_written_by_the_platform_only():
    with behind_walls(system_principal("test")):
        ContextEntry.objects.create(key="g", layer="permanent", scope="global", value=1)
    with behind_walls(Principal(kind="key", name="k", tenant_id="a")):
        assert ContextEntry.objects.get().key == "g"
        assert ContextEntry.objects.update(key="stolen") == 0


def test_nested_walls_are_put_back():
    make_entry("a")
    make_entry("b", "other")
    with behind_walls(Principal(kind="key", name="k", tenant_id="a")):
        with behind_walls(Principal(kind="key", name="k", tenant_id="b")):
            assert ContextEntry.objects.get().key == "other"
        assert ContextEntry.objects.get().key == "k"


def test_nested_walls_are_put_back_after_an_error():
    make_entry("a")
    with behind_walls(Principal(kind="key", name="k", tenant_id="a")):
        with pytest.raises(ValueError, match="x"), behind_walls(Principal(kind="key", name="k", tenant_id="b")):
            raise ValueError("x")
        assert ContextEntry.objects.get().key == "k"


def test_staff_sees_all_tenants_or_its_own():
    make_entry("a")
    make_entry("b")
    with behind_walls(Principal(kind="staff", name="s")):
        assert ContextEntry.objects.count() == 2
    with behind_walls(Principal(kind="staff", name="s", staff_tenants=("b",))):
        assert [e.tenant_id for e in ContextEntry.objects.all()] == ["b"]


def test_the_audit_trail_only_grows(as_role):
    with behind_walls(system_principal("test")):
        event = AuditEvent.objects.create(action="test.done", actor="t", actor_kind="system")
    for role in ("memoryhub_app", "memoryhub_system", "memoryhub_owner"):
        for change in ("UPDATE memory_audit_trail SET actor = 'x'", "DELETE FROM memory_audit_trail"):
            with pytest.raises(DatabaseError), transaction.atomic(), as_role(role), connection.cursor() as cursor:
                cursor.execute(change)
    with behind_walls(system_principal("test")):
        assert AuditEvent.objects.get(pk=event.pk).actor == "t"


def test_the_system_role_sees_every_tenant(as_role):
    make_entry("a")
    make_entry("b")
    with as_role("memoryhub_system"), transaction.atomic():
        assert ContextEntry.objects.count() == 2
        assert Tenant.objects.count() == 0
