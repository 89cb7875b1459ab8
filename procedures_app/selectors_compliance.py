"""Whether procedures are followed, per procedure, agent and period; and how much work was done without asking memory.

A run belongs to the period in which it was started, and so does whatever happened in it later. Skips,
late steps and refused shortcuts count for the run's procedure and for the agent that started the run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Count, DurationField, F, Q, QuerySet, Sum
from django.utils import timezone

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app.models import Approval, Operation, ProcedureVersion, Run, RunEvent, StepRun, WorkRecord

DAYS = 30
LONGEST_DAYS = 366
#: Procedures, agents and kinds that are told apart; the totals have all of them.
MOST_ROWS = 200
#: The event of a refused attempt to skip, reorder or leave out a step.
REFUSED = "step.refused"
#: Outcomes of runs, by status.
OUTCOMES = {
    "completed": (Run.Status.COMPLETED,),
    "failed": (Run.Status.FAILED,),
    "rolled_back": (Run.Status.ROLLED_BACK,),
    "cancelled": (Run.Status.CANCELLED,),
    "under_way": (Run.Status.RUNNING, Run.Status.WAITING, Run.Status.PAUSED, Run.Status.ROLLING_BACK),
}
OF_RUNS: dict[str, Any] = {
    "n_started": Count("pk"),
    "n_over": Count("pk", filter=Q(compliant__isnull=False)),
    "n_compliant": Count("pk", filter=Q(compliant=True)),
    "n_deviations": Sum("deviations"),
    **{f"n_{name}": Count("pk", filter=Q(status__in=statuses)) for name, statuses in OUTCOMES.items()},
}
OF_SKIPS: dict[str, Any] = {
    "n_skips_asked": Count("pk"),
    "n_skips_approved": Count("pk", filter=Q(status=Approval.Status.APPROVED)),
    "n_skips_refused": Count("pk", filter=Q(status=Approval.Status.REFUSED)),
}
#: In the order of the door's answer and of the page.
FIGURES = (
    "started", "under_way", "completed", "failed", "rolled_back", "cancelled", "over", "compliant", "deviations",
    "late_steps", "skips_asked", "skips_approved", "skips_refused", "refused_shortcuts",
)  # fmt: skip

Pair = tuple[str, str]


class Median(Aggregate):
    """The middle value, by PostgreSQL's percentile_cont."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since`` up to, and not including, ``until``."""

    since: datetime
    until: datetime

    @property
    def days(self) -> int:
        return max(1, round((self.until - self.since) / timedelta(days=1)))


@dataclass(slots=True)
class Runs:
    """Figures of some runs. ``compliant`` of those ``over`` went exactly as written."""

    counts: Counter[str] = field(default_factory=Counter)
    median: timedelta | None = None

    @property
    def share(self) -> float | None:
        """Compliant runs among those that are over, 0 to 1; None where none is over."""
        return self.counts["compliant"] / self.counts["over"] if self.counts["over"] else None

    @property
    def median_seconds(self) -> float | None:
        return None if self.median is None else round(self.median.total_seconds(), 3)


@dataclass(slots=True)
class Work:
    """Figures of pieces of work; consulted ones were done within an operation."""

    recorded: int = 0
    consulted: int = 0
    failed: int = 0

    @property
    def unconsulted(self) -> int:
        return self.recorded - self.consulted

    @property
    def share(self) -> float | None:
        return self.consulted / self.recorded if self.recorded else None

    def add(self, other: Work) -> None:
        self.recorded += other.recorded
        self.consulted += other.consulted
        self.failed += other.failed


@dataclass(slots=True)
class Compliance:
    """Lists are cut to ``MOST_ROWS``, those with most to tell first. ``titles`` are the newest published ones."""

    period: Period
    totals: Runs
    procedures: dict[str, Runs]
    agents: dict[str, Runs]
    titles: dict[str, str]
    work: Work = field(default_factory=Work)
    work_of_agents: dict[str, Work] = field(default_factory=dict)
    kinds: dict[str, Work] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)

    @property
    def empty(self) -> bool:
        return not (self.totals.counts["started"] or self.work.recorded or self.operations.total())


def period_of(since: datetime | None = None, until: datetime | None = None) -> Period:
    """The last 30 days where nothing is said. Invalid for a period that ends before it begins, or is too long."""
    end = until or timezone.now()
    start = since or end - timedelta(days=DAYS)
    if start >= end:
        raise Invalid("since", "The period has to begin before it ends; until is now where you leave it out.")
    if end - start > timedelta(days=LONGEST_DAYS):
        raise Invalid("since", f"A period has at most {LONGEST_DAYS} days. Ask for a part of it.")
    return Period(start, end)


@verb
def compliance(*, principal: Principal, period: Period, procedure: str = "", agent_id: str = "") -> Compliance:
    """What the principal may see of the period, narrowed to a procedure's name and to an agent.

    Work and operations belong to no procedure: where one is named they stay empty.
    """
    runs = runs_of(principal, period, procedure, agent_id)
    found = Compliance(period, Runs(), {}, {}, titles(runs))
    count_runs(found, runs)
    if not procedure:
        count_work(found, principal, agent_id)
    return found


def runs_of(principal: Principal, period: Period, procedure: str, agent_id: str) -> QuerySet[Any]:
    rows = Run.objects.visible_to(principal).filter(started_at__gte=period.since, started_at__lt=period.until)
    narrow = {"procedure__name": procedure, "agent_id": agent_id}
    return rows.filter(**{name: value for name, value in narrow.items() if value}).order_by()


def titles(runs: QuerySet[Any]) -> dict[str, str]:
    """By the procedure's name; of tenants with the same names any one."""
    current = ProcedureVersion.objects.filter(pk__in=runs.values("procedure__current")).order_by()
    return dict(current.values_list("procedure__name", "title"))


def count_runs(found: Compliance, runs: QuerySet[Any]) -> None:
    pairs = counted_pairs(runs)
    found.totals.counts = sum(pairs.values(), Counter())
    found.procedures = most(grouped(pairs, 0))
    found.agents = most(grouped(pairs, 1))
    over = runs.filter(status=Run.Status.COMPLETED, finished_at__isnull=False)
    took = F("finished_at") - F("started_at")
    found.totals.median = over.aggregate(took=Median(took))["took"]
    for rows, column in ((found.procedures, "procedure__name"), (found.agents, "agent_id")):
        for name, median in over.values_list(column).annotate(took=Median(took)):
            if (name or "") in rows:
                rows[name or ""].median = median


def counted_pairs(runs: QuerySet[Any]) -> dict[Pair, Counter[str]]:
    """Every count by procedure and agent, in one query per table."""
    skips = Approval.objects.filter(kind=Approval.Kind.SKIP)
    return counted(
        by_pair(runs, "").annotate(**OF_RUNS),
        by_pair(inside(StepRun.objects.filter(late=True), runs)).annotate(n_late_steps=Count("pk")),
        by_pair(inside(skips, runs)).annotate(**OF_SKIPS),
        by_pair(inside(RunEvent.objects.filter(event=REFUSED), runs)).annotate(n_refused_shortcuts=Count("pk")),
    )


def inside(rows: QuerySet[Any], runs: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(run__in=runs.values("pk")).order_by()


def by_pair(rows: QuerySet[Any], path: str = "run__") -> QuerySet[Any]:
    return rows.values(of_procedure=F(f"{path}procedure__name"), of_agent=F(f"{path}agent_id"))


def counted(*queries: QuerySet[Any]) -> dict[Pair, Counter[str]]:
    """Sums up columns that begin with ``n_``, under their names without it."""
    pairs: dict[Pair, Counter[str]] = defaultdict(Counter)
    for row in (row for query in queries for row in query):
        pair = (row["of_procedure"], row["of_agent"] or "")
        pairs[pair].update({name[2:]: value or 0 for name, value in row.items() if name.startswith("n_")})
    return pairs


def grouped(pairs: dict[Pair, Counter[str]], by: int) -> dict[str, Runs]:
    found: dict[str, Runs] = defaultdict(Runs)
    for pair, counts in pairs.items():
        found[pair[by]].counts.update(counts)
    return found


def most(rows: dict[str, Runs]) -> dict[str, Runs]:
    order = sorted(rows, key=lambda name: (-rows[name].counts["started"], name))
    return {name: rows[name] for name in order[:MOST_ROWS]}


def count_work(found: Compliance, principal: Principal, agent_id: str) -> None:
    period, narrow = found.period, {"agent_id": agent_id} if agent_id else {}
    work = WorkRecord.objects.visible_to(principal).filter(
        created_at__gte=period.since, created_at__lt=period.until, **narrow
    )
    rows = (
        work.order_by()
        .values_list("kind", "agent_id")
        .annotate(recorded=Count("pk"), consulted=Count("operation"), failed=Count("pk", filter=Q(success=False)))
    )
    kinds: dict[str, Work] = defaultdict(Work)
    agents: dict[str, Work] = defaultdict(Work)
    for kind, agent, *figures in rows:
        for sum_of in (found.work, kinds[kind], agents[agent or ""]):
            sum_of.add(Work(*figures))
    found.kinds, found.work_of_agents = busiest(kinds), busiest(agents)
    begun = Operation.objects.visible_to(principal).filter(
        begun_at__gte=period.since, begun_at__lt=period.until, **narrow
    )
    found.operations = Counter(dict(begun.order_by().values_list("status").annotate(n=Count("pk"))))


def busiest(rows: dict[str, Work]) -> dict[str, Work]:
    """Most work without consulting first."""
    order = sorted(rows, key=lambda name: (-rows[name].unconsulted, -rows[name].recorded, name))
    return {name: rows[name] for name in order[:MOST_ROWS]}
