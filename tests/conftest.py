"""Real PostgreSQL for every test: a fresh cluster per session, and connections in the app's role.

Tests log in as the superuser and act in the app's role from the first statement on, so that
``as_role`` can change sides on the same connection (the server then applies that role's rights).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as generated
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from memoryhub.access.actors import forget_cached_actors
from memoryhub.access.api.authentication import forget_noted_keys
from memoryhub.access.credentials import forget_cached_keys
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, keys, rates, refusals, staff, tenants
from memoryhub.registry.services.access_log import log as access_log
from memoryhub.runtime.database import ensure_database
from memoryhub.runtime.postgres import EmbeddedPostgres
from memoryhub.search.services import spaces
from procedures_app.services import enforcement
from tests.hub_plugin import HOME

# The same examples on every machine, however busy it is; others with ``--hypothesis-profile=default``.
generated.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
generated.load_profile("repeatable")

KEPT_TABLES = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "memory_hub_epoch",
}


def start_server() -> EmbeddedPostgres:
    server = EmbeddedPostgres(HOME / "testdb", fast=True, say=lambda line: None)
    server.start()
    ensure_database(server.superuser_url("postgres"))
    return server


def log_in_as_superuser(server: EmbeddedPostgres) -> None:
    from memoryhub.settings import database_settings

    made = database_settings(server.superuser_url("memoryhub"))
    made["OPTIONS"]["options"] = "-c role=memoryhub_app"
    made["CONN_MAX_AGE"] = 0
    connection.close()
    connection.settings_dict.update(made)


@contextmanager
def role(name: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        before = cursor.fetchone()[0]
        cursor.execute(f"SET ROLE {name}")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"SET ROLE {before}")


def truncate_everything(self: Any) -> None:
    """Instead of Django's flush, which the app's role may not do."""
    with role("postgres"), connection.cursor() as cursor:
        tables = [t for t in connection.introspection.table_names(cursor) if t not in KEPT_TABLES]
        names = ", ".join(f'"{t}"' for t in tables)
        # triggers off: the audit trail refuses to be emptied
        cursor.execute(f"SET session_replication_role = replica; TRUNCATE {names}; RESET session_replication_role")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    server = start_server()
    assert settings.DATABASES
    with django_db_blocker.unblock():
        log_in_as_superuser(server)
        with role("memoryhub_owner"):
            call_command("migrate", verbosity=0)
        connection.close()
    TransactionTestCase._fixture_teardown = truncate_everything  # type: ignore[attr-defined]
    yield
    with django_db_blocker.unblock():
        connection.close()
    server.stop("immediate")


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> Iterator[None]:
    """Every new client loads the middleware, which would look for the hundreds of static files each time."""
    find, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def add(self: Any) -> None:
        if not found:
            find(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture
def as_role(db: None) -> Callable[[str], AbstractContextManager[None]]:
    """``with as_role("memoryhub_system"): …`` runs statements with that role's rights."""
    return role


@pytest.fixture(autouse=True)
def fresh_process_state() -> None:
    forget_all()


def forget_all() -> None:
    """What a process remembers of the database for some seconds, and what it counts."""
    forget_cached_keys()
    forget_cached_actors()
    forget_noted_keys()
    rates.forget_leases()
    refusals.forget_counts()
    enforcement.forget_cached_rules()
    spaces.forget()
    # another thread would not see the test's transaction, nor be undone with it
    access_log.in_background = False
    access_log.forget()


@pytest.fixture
def tenant(db: None) -> str:
    """The id of a tenant."""
    return tenants.ensure(principal=system_principal("test"), tenant_id="acme").tenant_id


class MakeKey(Protocol):
    def __call__(
        self,
        *,
        tenant: str | None = "acme",
        agent: str | None = None,
        user: str | None = None,
        scopes: Iterable[str] = ("read", "write"),
        **fields: Any,
    ) -> str: ...


@pytest.fixture
def make_key(db: None) -> MakeKey:
    """``make_key(agent="a", scopes=["read"])`` gives a key's text; tenant and agent are made where missing."""

    def make(
        *,
        tenant: str | None = "acme",
        agent: str | None = None,
        user: str | None = None,
        scopes: Iterable[str] = ("read", "write"),
        **fields: Any,
    ) -> str:
        principal = system_principal("test")
        if tenant:
            tenants.ensure(principal=principal, tenant_id=tenant)
        if tenant and agent:
            agents.ensure(principal=principal, tenant_id=tenant, agent_id=agent)
        return keys.create(
            principal=principal, tenant_id=tenant, agent_id=agent, user_id=user, scopes=scopes, **fields
        )[1]

    return make


class HubClient(APIClient):
    """Speaks JSON with a bearer key; ``api().post("/memory/…", {…}, headers={"If-Match": '"1"'})``."""

    default_format = "json"


class MakeClient(Protocol):
    def __call__(
        self,
        *,
        tenant: str | None = "acme",
        agent: str | None = None,
        user: str | None = None,
        scopes: Iterable[str] = ("read", "write"),
        acting: str | None = None,
        key: str | None = None,
    ) -> HubClient: ...


@pytest.fixture
def api(make_key: MakeKey) -> MakeClient:
    """``api(agent="a", scopes=["read"])`` is a client with a new key; ``acting`` sends X-Agent-Id."""

    def client(
        *,
        tenant: str | None = "acme",
        agent: str | None = None,
        user: str | None = None,
        scopes: Iterable[str] = ("read", "write"),
        acting: str | None = None,
        key: str | None = None,
    ) -> HubClient:
        text = key or make_key(tenant=tenant, agent=agent, user=user, scopes=scopes)
        made = HubClient()
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {text}", **({"HTTP_X_AGENT_ID": acting} if acting else {}))
        return made

    return client


@pytest.fixture
def anonymous() -> HubClient:
    """A client without a key."""
    return HubClient()


class SignIn(Protocol):
    def __call__(
        self, role: str = "Administrator", *, tenants: Iterable[str] = (), superuser: bool = False
    ) -> Client: ...


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """``sign_in("Auditor", tenants=["acme"])`` is a browser of a new staff user with that role and those limits."""

    def client(role: str = "Administrator", *, tenants: Iterable[str] = (), superuser: bool = False) -> Client:
        count = User.objects.count()
        user = User.objects.create_user(f"staff{count}", password=None, is_staff=True, is_superuser=superuser)
        if role and not superuser:
            user.groups.add(Group.objects.get(name=role))
        boss = Principal(kind="staff", name="test", permissions=frozenset({"admin"}))
        staff.limit(principal=boss, user_id=user.pk, tenant_ids=tenants)
        browser = Client()
        browser.force_login(user)
        return browser

    return client
