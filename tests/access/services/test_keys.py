"""Keys: who may make them, and how they end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from memoryhub.access import credentials
from memoryhub.access.exceptions import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ScopeMissing,
    TenantMismatch,
    Unauthenticated,
)
from memoryhub.access.models import ApiKey, AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, keys, tenants
from memoryhub.access.walls import behind_walls

SYSTEM = system_principal("test")
ADMIN = Principal(kind="key", name="boss", tenant_id="acme", permissions=frozenset({"admin"}))


def trail(principal: Principal = SYSTEM) -> list[str]:
    with behind_walls(Principal(kind="staff", name="reader")):
        return list(AuditEvent.objects.order_by("at", "id").values_list("action", flat=True))


def stored(key: ApiKey) -> ApiKey:
    with behind_walls(Principal(kind="staff", name="reader")):
        return ApiKey.objects.get(pk=key.pk)


def test_a_new_key_opens_and_only_its_digest_is_kept(tenant):
    agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id="a")
    key, text = keys.create(principal=ADMIN, tenant_id=tenant, agent_id="a", scopes=["write", "read"], name="ci")
    found = credentials.verify(text)
    assert (found.tenant_id, found.agent_id, found.scopes) == (tenant, "a", frozenset({"read", "write"}))
    assert text.split("_")[2] not in str(stored(key).__dict__)
    assert key.created_by == "boss"
    assert trail()[-1] == "access.key.created"


def test_the_trail_never_holds_the_key(tenant):
    _, text = keys.create(principal=ADMIN, tenant_id=tenant, scopes=["read"])
    with behind_walls(ADMIN):
        rows = str(list(AuditEvent.objects.values()))
    assert text.split("_")[2] not in rows


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "root"]])
def test_scopes_are_checked(tenant, scopes):
    with pytest.raises(Invalid, match="read, write, admin"):
        keys.create(principal=ADMIN, tenant_id=tenant, scopes=scopes)


def test_an_end_in_the_past_is_refused(tenant):
    with pytest.raises(Invalid):
        keys.create(principal=ADMIN, tenant_id=tenant, scopes=["read"], expires_at=timezone.now())


def test_making_keys_needs_admin(tenant):
    writer = Principal(kind="key", name="w", tenant_id=tenant, permissions=frozenset({"read", "write"}))
    with pytest.raises(ScopeMissing):
        keys.create(principal=writer, tenant_id=tenant, scopes=["read"])


def test_a_tenant_admin_makes_no_key_elsewhere(tenant):
    with pytest.raises(TenantMismatch):
        keys.create(principal=ADMIN, tenant_id="globex", scopes=["read"])
    with pytest.raises(Forbidden, match="platform"):
        keys.create(principal=ADMIN, tenant_id=None, scopes=["read"])


def test_unknown_and_inactive_agents_and_tenants_are_not_found(tenant):
    with pytest.raises(NotFound):
        keys.create(principal=ADMIN, tenant_id=tenant, agent_id="ghost", scopes=["read"])
    agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id="a")
    agents.change(principal=ADMIN, tenant_id=tenant, agent_id="a", active=False)
    with pytest.raises(NotFound):
        keys.create(principal=ADMIN, tenant_id=tenant, agent_id="a", scopes=["read"])
    with pytest.raises(NotFound):
        keys.create(principal=SYSTEM, tenant_id="nowhere", scopes=["read"])


def test_a_platform_key_is_bound_to_nobody(tenant):
    with pytest.raises(Invalid):
        keys.create(principal=SYSTEM, tenant_id=None, agent_id="a", scopes=["read"])
    _, text = keys.create(principal=SYSTEM, tenant_id=None, scopes=["read"])
    assert credentials.verify(text).tenant_id is None


def test_a_revoked_key_is_refused_at_once_and_revoking_again_changes_nothing(tenant):
    key, text = keys.create(principal=ADMIN, tenant_id=tenant, scopes=["read"])
    credentials.verify(text)
    first = keys.revoke(principal=ADMIN, key_id=key.id, reason="leaked")
    with pytest.raises(Unauthenticated):
        credentials.verify(text)
    assert keys.revoke(principal=ADMIN, key_id=key.id).revoked_at == first.revoked_at
    assert trail().count("access.key.revoked") == 1


def test_keys_of_other_tenants_do_not_exist(tenant):
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    key, _ = keys.create(principal=SYSTEM, tenant_id="globex", scopes=["read"])
    platform, _ = keys.create(principal=SYSTEM, tenant_id=None, scopes=["read"])
    for foreign in (key, platform):
        with pytest.raises(NotFound):
            keys.revoke(principal=ADMIN, key_id=foreign.id)
        with pytest.raises(NotFound):
            keys.rotate(principal=ADMIN, key_id=foreign.id)


def test_rotation_gives_a_successor_while_the_old_one_works_on(tenant):
    old, text = keys.create(
        principal=ADMIN,
        tenant_id=tenant,
        user_id="u",
        scopes=["read"],
        name="ci",
        expires_at=timezone.now() + timedelta(days=10),
    )
    new, successor = keys.rotate(principal=ADMIN, key_id=old.id)
    assert (new.user_id, new.scopes, new.name, new.replaces_id) == ("u", ["read"], "ci", old.id)
    assert new.expires_at is not None
    assert timedelta(days=9) < new.expires_at - timezone.now() <= timedelta(days=10)
    assert credentials.verify(text).id == old.id
    assert credentials.verify(successor).id == new.id


def test_rotation_with_a_grace_ends_the_old_key_then(tenant):
    old, _ = keys.create(principal=ADMIN, tenant_id=tenant, scopes=["read"])
    keys.rotate(principal=ADMIN, key_id=old.id, grace=timedelta(hours=1))
    end = stored(old).expires_at
    assert end is not None
    assert end <= timezone.now() + timedelta(hours=1)


def test_at_most_two_keys_of_a_line_work_at_once(tenant):
    old, _ = keys.create(principal=ADMIN, tenant_id=tenant, scopes=["read"])
    new, _ = keys.rotate(principal=ADMIN, key_id=old.id)
    with pytest.raises(keys.AlreadyRotated):
        keys.rotate(principal=ADMIN, key_id=old.id)
    keys.revoke(principal=ADMIN, key_id=new.id)
    keys.rotate(principal=ADMIN, key_id=old.id)
    keys.revoke(principal=ADMIN, key_id=old.id)
    with pytest.raises(Conflict):
        keys.rotate(principal=ADMIN, key_id=old.id)


def test_use_is_noted_at_most_once_a_minute(tenant):
    key, _ = keys.create(principal=ADMIN, tenant_id=tenant, scopes=["read"])
    user = Principal(kind="key", name="k", tenant_id=tenant, key_id=key.id)
    keys.touch(principal=user)
    first = stored(key).last_used_at
    keys.touch(principal=user)
    assert first is not None
    assert stored(key).last_used_at == first
