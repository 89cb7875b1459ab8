"""The register of health checks. Each house adds its own in ``AppConfig.ready``; ``GET /memory/health`` asks all.

A check is cheap (no scans: it may be asked every second) and says in words what is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from memoryhub.sync.services import heartbeats, outbox

logger = logging.getLogger(__name__)
#: The relay writes a sign of life every five seconds.
RELAY_STALE_SECONDS = 30.0


@dataclass(frozen=True)
class Part:
    """One part of the hub: ``problem`` says what is wrong and what to do, empty when all is well."""

    problem: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.problem

    def document(self) -> dict[str, Any]:
        return {"ok": self.ok, "problem": self.problem, **self.detail}


Check = Callable[[], Part]
_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Adds a part; a second one of the same name replaces the first."""
    _checks[name] = check


def unregister(name: str) -> None:
    _checks.pop(name, None)


def report() -> dict[str, Part]:
    """Every part. Raises the database's error when the database does not answer: then nothing else can be told."""
    return {name: ask(name, check) for name, check in _checks.items()}


def ask(name: str, check: Check) -> Part:
    try:
        return check()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # a broken check must not hide the others
        logger.exception("The health check '%s' failed.", name)
        return Part(f"Unavailable: the check failed with {type(error).__name__}.")


# -- this house's own parts ---------------------------------------------------------------------------


def database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        (version,) = cursor.fetchone()
    return Part(detail={"version": version})


def relay() -> Part:
    return alive(heartbeats.RELAY, RELAY_STALE_SECONDS, "The relay carries changes to search and other stores.")


def jobs() -> Part:
    limit = settings.CONFIG.jobs.heartbeat_stale_seconds
    return alive(heartbeats.JOBS, limit, "The jobs expire, archive and clean up.")


def alive(name: str, limit: float, duty: str) -> Part:
    age = heartbeats.age(name)
    detail = {"heartbeat_age_seconds": None if age is None else round(age, 1)}
    if age is None:
        return Part(f"No sign of life yet. {duty} It starts with 'make run'.", detail)
    if age > limit:
        return Part(f"No sign of life for {age:.0f} s. {duty} The supervisor restarts it; see its log.", detail)
    return Part(detail=detail)


def backlog() -> Part:
    found = outbox.backlog()
    age, limit = found.oldest_age_seconds, settings.CONFIG.sync.backlog_warn_seconds
    detail = {
        "pending": found.pending,
        "parked": found.parked,
        "oldest_age_seconds": None if age is None else round(age, 1),
    }
    if age is not None and age > limit:
        return Part(f"A change has waited for its store for {age:.0f} s; see the deliveries in the admin.", detail)
    if found.parked:
        return Part(f"{found.parked} deliveries are parked: retry them in the admin.", detail)
    return Part(detail=detail)


def register_own() -> None:
    for name, check in {"database": database, "relay": relay, "jobs": jobs, "outbox": backlog}.items():
        register(name, check)
