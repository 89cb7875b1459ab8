"""The list of runs: saved views, filters, and the rows of one page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from memoryhub.access.admin.base import principal_of
from memoryhub.access.principals import Principal
from procedures_app import selectors_desk
from procedures_app.admin.filtering import ROWS, RunFilters, page_number, tenants_of
from procedures_app.admin.run_page import CURRENT, FINISHED
from procedures_app.models import Procedure, Run, StepRun

MOST_PROCEDURES = 500


@dataclass(frozen=True, slots=True)
class Row:
    run: Run
    steps: int
    finished: int
    current: StepRun | None
    lasted: timedelta
    stuck: bool


def context(request: HttpRequest) -> dict[str, Any]:
    """For the template ``procedures/runs.html``."""
    principal, now = principal_of(request), timezone.now()
    filters = RunFilters.of(request.GET.dict())
    page = page_number(request)
    found = list(listed(filters.rows(principal))[(page - 1) * ROWS : page * ROWS + 1])
    return {
        "filters": filters,
        "tabs": filters.tabs(selectors_desk.run_counts(principal, now), urgent=("stuck", "waiting")),
        "view": selectors_desk.RUN_VIEW[filters.view],
        "rows": rows_of(found[:ROWS], now),
        "page": page,
        "more": len(found) > ROWS,
        "statuses": Run.Status.choices,
        "procedures": procedures_of(principal),
        "tenants": tenants_of(principal),
    }


def listed(rows: QuerySet[Run]) -> QuerySet[Run]:
    """With what a row shows."""
    return rows.select_related("procedure", "procedure_version").defer("procedure_version__inputs")


def procedures_of(principal: Principal) -> list[str]:
    names = Procedure.objects.visible_to(principal).order_by("name").values_list("name", flat=True)
    return list(names.distinct()[:MOST_PROCEDURES])


def rows_of(runs: Sequence[Run], now: datetime) -> list[Row]:
    steps = steps_of(runs)
    stuck = set(
        Run.objects.filter(selectors_desk.stuck(now), pk__in=[run.pk for run in runs]).values_list("pk", flat=True)
    )
    return [row_of(run, steps.get(run.pk, []), now, stuck=run.pk in stuck) for run in runs]


def steps_of(runs: Iterable[Run]) -> Mapping[UUID, list[StepRun]]:
    found: dict[UUID, list[StepRun]] = defaultdict(list)
    shown = StepRun.objects.filter(run__in=[run.pk for run in runs]).select_related("definition")
    for step in shown.only("run_id", "status", "position", "lease_agent", "definition__title").order_by("position"):
        found[step.run_id].append(step)
    return found


def row_of(run: Run, steps: Sequence[StepRun], now: datetime, *, stuck: bool) -> Row:
    return Row(
        run=run,
        steps=len(steps),
        finished=sum(step.status in FINISHED for step in steps),
        current=next((step for step in steps if step.status in CURRENT), None),
        lasted=(run.finished_at or now) - run.started_at,
        stuck=stuck,
    )
