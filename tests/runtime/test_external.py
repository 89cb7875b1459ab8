"""A database that DATABASE_URL names: what is checked, and what each failure says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from memoryhub.config import Config, ConfigError
from memoryhub.runtime import external
from memoryhub.runtime.database import with_parts
from memoryhub.runtime.external import prepare_external
from memoryhub.runtime.postgres import EmbeddedPostgres

MAKE = """
CREATE ROLE hub_owner LOGIN CREATEROLE; CREATE ROLE hub_app LOGIN; CREATE ROLE plain_owner LOGIN;
CREATE ROLE boss LOGIN SUPERUSER; CREATE ROLE passer LOGIN BYPASSRLS; CREATE ROLE friend LOGIN IN ROLE hub_owner
"""


@pytest.fixture(scope="module")
def server(module_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(module_folder / "data", fast=True, say=lambda line: None)
    server.start()
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute(MAKE)
        connection.execute("CREATE DATABASE hub OWNER hub_owner")
        connection.execute("CREATE DATABASE other OWNER hub_owner")
        connection.execute("CREATE DATABASE bare OWNER hub_owner")
    with psycopg.connect(with_parts(server.superuser_url(), dbname="hub"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    yield server
    server.stop("immediate")


@pytest.fixture
def check(server: EmbeddedPostgres, tmp_path: Path):
    """Checks the database with the roles named; ``dbname`` is the app's."""

    def run(
        app: str = "hub_app", owner: str = "hub_owner", dbname: str = "hub", owner_db: str = "hub", **more: str
    ) -> Config:
        urls = {"url": server.url(app, dbname), "migration_url": server.url(owner, owner_db), **more}
        config = Config.model_validate({"server": {"home": str(tmp_path)}, "database": urls})
        prepare_external(config)
        return config

    return run


def test_a_good_database_passes_and_gets_the_system_role(check, server):
    check()
    check()
    with psycopg.connect(with_parts(server.superuser_url(), dbname="hub")) as connection:
        query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'memoryhub_system'"
        assert connection.execute(query).fetchone() == (False,)


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"app": "boss"}, r"boss \(DATABASE_URL\) is a superuser .* ALTER ROLE boss NOSUPERUSER"),
        ({"app": "passer"}, r"ALTER ROLE passer NOBYPASSRLS"),
        ({"app": "hub_owner"}, r"owns tables, itself or as a member"),
        ({"app": "friend"}, r"owns tables, itself or as a member"),
        ({"dbname": "other"}, r"name different databases"),
        ({"app": "nobody"}, r"cannot be reached as DATABASE_URL says"),
        ({"owner": "plain_owner"}, r"the owner may not make the role|may not create tables"),
        ({"owner_db": "bare"}, r"As a superuser run in bare: CREATE EXTENSION vector;"),
    ],
)
def test_a_wrong_role_is_one_line_with_what_to_do(check, roles, message):
    with pytest.raises(ConfigError, match=f"(?i){message}") as caught:
        check(**roles)
    assert "\n" not in str(caught.value)


def test_an_unreachable_server_is_one_line(check, tmp_path):
    with pytest.raises(ConfigError, match="cannot be reached as MIGRATION_DATABASE_URL says") as caught:
        check(migration_url=f"postgresql://o@/hub?host={tmp_path}")
    assert "\n" not in str(caught.value)


def test_an_old_server_is_refused(check, monkeypatch):
    monkeypatch.setattr(external, "LEAST_SERVER", 99)
    with pytest.raises(ConfigError, match="the hub needs 99 or newer"):
        check()


def test_an_old_pgvector_is_refused(check, monkeypatch):
    monkeypatch.setattr(external, "LEAST_VECTOR", (9, 0))
    with pytest.raises(ConfigError, match="ALTER EXTENSION vector UPDATE"):
        check()


@pytest.mark.parametrize(("version", "enough"), [("0.8.0", True), ("0.10.1", True), ("0.7.4", False), ("1.0", True)])
def test_versions_are_compared_as_numbers(version, enough):
    assert external.new_enough(version) is enough
