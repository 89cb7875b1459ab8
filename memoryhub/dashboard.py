"""The admin's first page: what needs a human, what happened, how the hub feels, and totals last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from memoryhub import attention, figures, work_figures
from memoryhub.access.admin.base import principal_of
from memoryhub.access.principals import Principal
from memoryhub.attention import Waiting
from memoryhub.signing_in import NEW_VISIT_AFTER

T = TypeVar("T")
#: A part of the page that takes longer shows as unavailable.
PATIENCE_MS = 1500
FIRST_LOOK_BACK = timedelta(days=1)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK: adds the parts of the page to its context."""
    principal, now = principal_of(request), timezone.now()
    since = since_last_visit(request, now)
    with StatementTimeout(PATIENCE_MS):
        waiting = what_waits(request, principal)
        context |= {
            "title": "Dashboard",
            "checked_at": now,
            "waiting": waiting,
            "all_clear": not waiting,
            "since": since,
            "happened": [counted(principal, row, since) for row in figures.HAPPENED if allowed(request, row.model)],
            "health": asked(attention.health_parts),
            "work": [worked(principal, kind) for kind in work_figures.KINDS if allowed(request, kind.model)],
            "active_sessions": part(request, "sessions_app.session", partial(figures.active_sessions, principal)),
            "done_by_people": part(request, "access.auditevent", partial(figures.done_by_people, principal)),
            "totals": asked(partial(figures.totals, principal)),
            "charts": [
                {"title": title, "chart": asked(partial(make, principal))} for title, make in figures.CHARTS.items()
            ],
        }
    return context


def since_last_visit(request: HttpRequest, now: datetime) -> datetime:
    """When the user last left: the last look before a pause, else the sign-in before this one."""
    session = request.session
    seen = parse_datetime(session.get("seen", ""))
    since = parse_datetime(session.get("since", "")) or now - FIRST_LOOK_BACK
    if seen is not None and now - seen > NEW_VISIT_AFTER:
        since = seen
    session["seen"], session["since"] = now.isoformat(), since.isoformat()
    return since


class StatementTimeout:
    """Within: no statement of this transaction takes longer than ``ms`` milliseconds. Puts back what was set."""

    def __init__(self, ms: int) -> None:
        self.ms, self.before = ms, ""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            self.before = cursor.fetchone()[0]
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{self.ms}ms"])

    def __exit__(self, *error: object) -> None:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [self.before])


def asked(question: Callable[[], T]) -> T | None:
    """The answer; None when the database refuses or takes too long, which the page shows as unavailable."""
    try:
        with transaction.atomic():
            return question()
    except DatabaseError:
        return None


def allowed(request: HttpRequest, model: str) -> bool:
    app, _, name = model.partition(".")
    return bool(request.user.has_perm(f"{app}.view_{name}"))


def part(request: HttpRequest, model: str, question: Callable[[], T]) -> dict[str, Any]:
    """A list for those who may see it: ``shown``, ``rows`` (None: unavailable)."""
    shown = allowed(request, model)
    return {"shown": shown, "rows": asked(question) if shown else None}


def what_waits(request: HttpRequest, principal: Principal) -> list[Waiting]:
    found: list[Waiting] = []
    for check in attention.CHECKS:
        if allowed(request, check.model):
            answer = asked(partial(check.find, principal))
            found += [check.unavailable()] if answer is None else answer
    return found


def worked(principal: Principal, kind: work_figures.Kind) -> dict[str, Any]:
    """A figure of how agents work; ``figure`` None: unavailable."""
    return {
        "title": kind.title,
        "figure": asked(partial(kind.find, principal)),
        "link": reverse(kind.page) if kind.page else "",
    }


def counted(principal: Principal, row: figures.Happened, since: datetime) -> dict[str, Any]:
    count = asked(partial(row.count, principal, since))
    told = asked(partial(row.said, principal, since)) if count and row.taken_back is not None else None
    return {
        "title": told or row.title,
        "count": count,
        "link": attention.list_link(row.model, **dict(row.filters)),
    }
