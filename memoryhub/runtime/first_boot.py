"""The first tenant with its agents and procedures, the first login and the first key of a new hub, made once."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from agents_app.services import defaults as agents
from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import keys, tenants
from procedures_app.services import defaults as procedures

TENANT, LOGIN = "default", "admin"
PASSWORD_BYTES = 15
#: Two hosts that boot one empty database at the same time: only one makes the login.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('memoryhub first boot'))"


@dataclass(frozen=True)
class FirstLogin:
    """What is shown once and kept nowhere: the password and the text of the API key."""

    login: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@transaction.atomic
def make_first_login() -> FirstLogin | None:
    """On a hub without tenants and staff; None on any other."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    if Tenant.objects.exists() or get_user_model().objects.exists():
        return None
    made = FirstLogin(LOGIN, make_staff(), make_key(system_principal("first_boot")))
    agents.install(principal=system_principal("first_boot"), tenant_id=TENANT)
    procedures.install(principal=system_principal("first_boot"), tenant_id=TENANT)
    return made


def make_staff() -> str:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    get_user_model().objects.create_superuser(LOGIN, password=password)
    return password


def make_key(principal: Principal) -> str:
    """A key of the first tenant that may act for any of its agents, named in X-Agent-Id."""
    tenants.ensure(principal=principal, tenant_id=TENANT, name="Default")
    _, text = keys.create(principal=principal, tenant_id=TENANT, scopes=["read", "write"], name="first key")
    return text
