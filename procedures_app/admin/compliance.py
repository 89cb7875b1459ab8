"""The compliance page: whether procedures are followed and memory is asked, for a period that the reader picks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from memoryhub.access import texts
from memoryhub.access.admin.base import principal_of
from memoryhub.access.exceptions import Invalid
from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal
from procedures_app import selectors_compliance as selectors
from procedures_app.models import Operation
from procedures_app.selectors_compliance import Compliance, Period, Runs, Work

PAGE = "admin:procedures_app_operation_compliance"
#: Periods that are one click away, in days.
PRESETS = (7, 30, 90, 365)
MOST_TENANTS = 500
LONGEST_TERM = 200
#: Both: the page shows runs and work.
NEEDED = ("procedures_app.view_run", "procedures_app.view_operation")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page asks for, as texts."""

    days: str = ""
    since: str = ""
    until: str = ""
    procedure: str = ""
    agent: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Asked:
        return cls(**{field.name: asked.get(field.name, "").strip()[:LONGEST_TERM] for field in fields(cls)})

    def query(self, **other: str) -> str:
        said = {field.name: getattr(self, field.name) for field in fields(self)} | other
        return urlencode({name: value for name, value in said.items() if value})

    def period(self) -> Period:
        """Whole days in UTC, the last one included. Raises Invalid."""
        if self.since or self.until:
            end = day_of("until", self.until) if self.until else timezone.now().date()
            begin = day_of("since", self.since) if self.since else end - timedelta(days=selectors.DAYS)
            return selectors.period_of(midnight(begin), midnight(end + timedelta(days=1)))
        days = int(self.days) if self.days in map(str, PRESETS) else selectors.DAYS
        return selectors.period_of(timezone.now() - timedelta(days=days))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: ``below`` in small print, the figures of runs, and where these runs are listed."""

    name: str
    below: str
    runs: Runs
    link: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        return self.runs.counts

    @property
    def outcomes(self) -> str:
        """``9 completed, 1 failed``; nothing for what did not happen."""
        told = ((name, self.counts[name]) for name in selectors.OUTCOMES)
        return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in told if count)

    @property
    def median(self) -> str:
        return texts.NOTHING if self.runs.median is None else texts.span_words(self.runs.median)


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Needs sight of runs and of operations. A period that cannot be is said, and the usual one shown."""
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    asked, wrong = Asked.of(request.GET.dict()), ""
    try:
        period = asked.period()
    except Invalid as error:
        wrong, period = error.message, selectors.period_of()
    principal = principal_of(request)
    tenants = list(Tenant.objects.visible_to(principal).values_list("tenant_id", flat=True)[:MOST_TENANTS])
    reader = principal.within(asked.tenant) if asked.tenant in tenants else principal
    found = selectors.compliance(principal=reader, period=period, procedure=asked.procedure, agent_id=asked.agent)
    context |= {
        "title": "Compliance",
        "asked": asked,
        "wrong": wrong,
        "tenants": tenants if len(tenants) > 1 else [],
        "presets": [(days, asked.query(days=str(days), since="", until="")) for days in PRESETS],
        "chosen": "" if asked.since or asked.until else asked.days or str(selectors.DAYS),
        **shown(found, reader, asked),
    }
    return TemplateResponse(request, "procedures/compliance.html", context)


def shown(found: Compliance, reader: Principal, asked: Asked) -> dict[str, Any]:
    return {
        "found": found,
        "last_day": found.period.until - timedelta(microseconds=1),
        "total": Row("", "", found.totals),
        "procedures": [
            Row(found.titles.get(name, name), name, runs, runs_link(asked, procedure=name))
            for name, runs in found.procedures.items()
        ],
        "agents": [
            Row(name or "no agent", "", runs, runs_link(asked, agent=name) if name else "")
            for name, runs in found.agents.items()
        ],
        "work_tables": work_tables(found) if not asked.procedure else [],
        "begun": found.operations.total(),
        "operations": [(str(status.label), found.operations[status]) for status in Operation.Status],
        "narrowed": asked.query(days="", since="", until=""),
    }


def runs_link(asked: Asked, **named: str) -> str:
    """The list of runs, narrowed as this page is."""
    known = {"procedure": asked.procedure, "agent": asked.agent, "tenant": asked.tenant} | named
    said = {name: value for name, value in known.items() if value}
    return f"{reverse('admin:procedures_app_run_changelist')}?{urlencode({'view': 'all', **said})}"


def work_tables(found: Compliance) -> list[tuple[str, str, dict[str, Work]]]:
    agents = {name or "no agent": work for name, work in found.work_of_agents.items()}
    return [("Work by agent", "Agent", agents), ("Work by kind", "Kind of work", found.kinds)]


def day_of(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(name, f"'{texts.spelled_out(text)}' is no date. Write it as 2026-03-31.") from error


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
