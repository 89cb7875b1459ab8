"""Where the database is, and the three roles that reach it.

owner    migrations, maintenance, backup and restore; sees every tenant
app      the web: owns nothing, every row it sees passed row-level security
system   relay and jobs: owns nothing either; its own policies say what it sees
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from memoryhub.config import Config, ConfigError
from memoryhub.runtime.postgres import EmbeddedPostgres
from memoryhub.runtime.secrets import stored_secret

DATABASE = "memoryhub"
OWNER_ROLE, APP_ROLE, SYSTEM_ROLE = "memoryhub_owner", "memoryhub_app", "memoryhub_system"
#: Name in secrets.json of the system role's password on an external server.
SYSTEM_PASSWORD = "system_database_password"  # noqa: S105 - a name, not a password

Role = Literal["app", "system", "owner"]


@dataclass(frozen=True)
class Urls:
    """libpq URLs of the three roles; ``psycopg.conninfo.conninfo_to_dict`` takes them apart."""

    app: str
    system: str
    owner: str

    def of(self, role: Role) -> str:
        return {"app": self.app, "system": self.system, "owner": self.owner}[role]

    def role_name(self, role: Role) -> str:
        """The PostgreSQL role behind a URL, as grants and policies need it."""
        return str(conninfo_to_dict(self.of(role)).get("user") or "")


def database_urls(config: Config) -> Urls:
    """The URLs of this configuration; nothing is connected to. Raises ConfigError when one is missing."""
    if config.database.url is None:
        return urls_on(embedded_server(config).superuser_url(), DATABASE)
    if config.database.migration_url is None:
        raise ConfigError(
            "DATABASE_URL is set but MIGRATION_DATABASE_URL is not. "
            "Set it to the same database as the role that owns it; the hub creates its tables as that role."
        )
    owner = config.database.migration_url.get_secret_value()
    system = config.database.system_url
    return Urls(
        app=checked_url("DATABASE_URL", config.database.url.get_secret_value()),
        system=checked_url("SYSTEM_DATABASE_URL", system.get_secret_value())
        if system
        else made_system_url(config.server.home, owner),
        owner=checked_url("MIGRATION_DATABASE_URL", owner),
    )


def embedded_server(config: Config) -> EmbeddedPostgres:
    """The hub's own server, started or not."""
    home = Path(config.server.home)
    return EmbeddedPostgres(home / "postgres", shared_memory_percent=config.database.shared_memory_percent)


def made_system_url(home: Path, owner_url: str) -> str:
    checked_url("MIGRATION_DATABASE_URL", owner_url)
    return with_parts(owner_url, user=SYSTEM_ROLE, password=stored_secret(home, SYSTEM_PASSWORD))


def checked_url(variable: str, url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise ConfigError(
            f"{variable} is not a PostgreSQL URL: {str(error).strip()}. "
            "Expected postgresql://user:password@host/database."
        ) from None
    if not parts.get("user") or not parts.get("dbname"):
        raise ConfigError(f"{variable} must name a user and a database: postgresql://user:password@host/database.")
    return url


def with_parts(url: str, **changes: str | None) -> str:
    """The same connection with other parts, such as ``user`` or ``dbname``; None removes one."""
    parts = {**conninfo_to_dict(url), **changes}
    user, password, dbname = (parts.pop(name, None) for name in ("user", "password", "dbname"))
    login = quote(str(user), safe="") + (f":{quote(str(password), safe='')}" if password else "")
    rest = {name: str(value) for name, value in parts.items() if value is not None}
    return f"postgresql://{login}@/{quote(str(dbname), safe='')}" + (
        f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    )


def urls_on(superuser_url: str, dbname: str) -> Urls:
    app, system, owner = (
        with_parts(superuser_url, user=role, password=None, dbname=dbname)
        for role in (APP_ROLE, SYSTEM_ROLE, OWNER_ROLE)
    )
    return Urls(app=app, system=system, owner=owner)


def ensure_database(superuser_url: str, dbname: str = DATABASE) -> Urls:
    """Roles, database and extension on the embedded server; repeating it changes nothing."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role in (OWNER_ROLE, APP_ROLE, SYSTEM_ROLE):
            ensure_role(connection, role)
        ensure_empty_database(connection, dbname)
    with psycopg.connect(with_parts(superuser_url, dbname=dbname), autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    return urls_on(superuser_url, dbname)


def ensure_role(connection: psycopg.Connection, role: str) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE").format(sql.Identifier(role))
        )


def ensure_empty_database(connection: psycopg.Connection, dbname: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [dbname]).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(dbname), sql.Identifier(OWNER_ROLE))
        )
