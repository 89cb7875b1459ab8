"""Checks a database that DATABASE_URL names, before anything is written to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from memoryhub.config import Config, ConfigError
from memoryhub.runtime.database import SYSTEM_ROLE, Role, Urls, database_urls

LEAST_SERVER = 16
LEAST_VECTOR = (0, 8)
CONNECT_SECONDS = 10
VARIABLES: dict[Role, str] = {"app": "DATABASE_URL", "system": "SYSTEM_DATABASE_URL", "owner": "MIGRATION_DATABASE_URL"}

#: What makes a role see through row-level security: being superuser, a bypass, or owning tables
#: itself or as a member of their owner.
POWERS = """
    SELECT r.rolsuper, r.rolbypassrls,
           exists(SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND pg_has_role(r.oid, c.relowner, 'USAGE')),
           pg_has_role(r.oid, %s, 'USAGE')
    FROM pg_roles r WHERE r.rolname = current_user
"""
PLACE = "SELECT current_database(), pg_postmaster_start_time()"
VECTOR = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
           (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')
"""


def prepare_external(config: Config) -> None:
    """Makes system role and extension where missing, and checks the rest. Raises ConfigError, a line per problem."""
    urls = database_urls(config)
    with connect(urls, "owner") as owner:
        check_version(owner)
        ensure_vector(owner)
        if config.database.system_url is None:
            ensure_system_role(owner, urls.system)
        problems = [
            *owner_problems(owner),
            *(p for role in ("app", "system") for p in role_problems(urls, role, owner)),
        ]
    if problems:
        raise ConfigError("\n".join(problems))


def connect(urls: Urls, role: Role) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(urls.of(role), connect_timeout=CONNECT_SECONDS, autocommit=True)
    except psycopg.Error as error:
        # the server's question whether it runs is answered in our own sentence
        reason = " ".join(str(error).split()).partition(" Is the server running")[0]
        raise ConfigError(
            f"The database cannot be reached as {VARIABLES[role]} says: {reason}. Check that it runs, and the URL."
        ) from None


def check_version(owner: psycopg.Connection[Any]) -> None:
    version = owner.info.server_version // 10000
    if version < LEAST_SERVER:
        raise ConfigError(
            f"The database server is PostgreSQL {version}; the hub needs {LEAST_SERVER} or newer. "
            "Upgrade it or unset DATABASE_URL."
        )


def ensure_vector(owner: psycopg.Connection[Any]) -> None:
    installed, available = one_row(owner, VECTOR)
    if installed is None and available is None:
        raise ConfigError(
            "The database server has no pgvector. Install its package (such as postgresql-16-pgvector) on that server."
        )
    if not new_enough(installed or available):
        raise ConfigError(
            f"pgvector is {installed or available}; the hub needs 0.8 or newer. "
            "Upgrade it, then run: ALTER EXTENSION vector UPDATE;"
        )
    if installed is None:
        create_vector(owner)


def create_vector(owner: psycopg.Connection[Any]) -> None:
    try:
        owner.execute("CREATE EXTENSION vector")
    except psycopg.Error as error:
        raise ConfigError(
            f"The owner may not install pgvector ({first_line(error)}). "
            f"As a superuser run in {owner.info.dbname}: CREATE EXTENSION vector;"
        ) from None


def new_enough(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")[:2]) >= LEAST_VECTOR


def ensure_system_role(owner: psycopg.Connection[Any], url: str) -> None:
    """Makes the role with the hub's stored password, or gives it that password."""
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.OperationalError:
        write_system_role(owner, str(conninfo_to_dict(url)["password"]))


def write_system_role(owner: psycopg.Connection[Any], password: str) -> None:
    known = owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [SYSTEM_ROLE]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    try:
        owner.execute(
            sql.SQL("{} ROLE {} LOGIN NOBYPASSRLS PASSWORD {}").format(
                verb, sql.Identifier(SYSTEM_ROLE), sql.Literal(password)
            )
        )
    except psycopg.Error as error:
        raise ConfigError(
            f"The owner may not make the role {SYSTEM_ROLE} ({first_line(error)}). "
            "Give the owner CREATEROLE, or make the role yourself and name it in SYSTEM_DATABASE_URL."
        ) from None


def owner_problems(owner: psycopg.Connection[Any]) -> Iterator[str]:
    if not one_row(owner, "SELECT has_schema_privilege('public', 'CREATE')")[0]:
        yield (
            f"The role {owner.info.user} (MIGRATION_DATABASE_URL) may not create tables. "
            f"Run: ALTER DATABASE {owner.info.dbname} OWNER TO {owner.info.user};"
        )


def role_problems(urls: Urls, role: Role, owner: psycopg.Connection[Any]) -> Iterator[str]:
    with connect(urls, role) as connection:
        name, variable = connection.info.user, VARIABLES[role]
        superuser, bypass, owns, is_owner = one_row(connection, POWERS, [owner.info.user])
        if one_row(connection, PLACE) != one_row(owner, PLACE):
            yield f"{variable} and MIGRATION_DATABASE_URL name different databases. Let both name the same one."
    who = f"The role {name} ({variable})"
    if superuser:
        yield f"{who} is a superuser and would see every tenant. Run: ALTER ROLE {name} NOSUPERUSER;"
    elif bypass:
        yield f"{who} bypasses row-level security. Run: ALTER ROLE {name} NOBYPASSRLS;"
    elif owns or is_owner:
        yield f"{who} owns tables, itself or as a member of their owner, and would see every tenant. Use another role."


def one_row(connection: psycopg.Connection[Any], query: str, values: list[Any] | None = None) -> tuple[Any, ...]:
    row = connection.execute(query.encode(), values).fetchone()
    if row is None:
        raise ConfigError("The database answered nothing where it must; is a proxy between? Name the server itself.")
    return tuple(row)


def first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0]
