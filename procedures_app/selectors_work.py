"""What agents did in the last day, by kind of work: what a stricter rule would have refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.registry.models import EntryVersion
from procedures_app.models import ANY_KIND, MEMORY_WRITE, EnforcementRule, Mode, WorkRecord

LOOK_BACK = timedelta(days=1)
KINDS_SHOWN = 50
#: Writes are counted up to here.
MOST_WRITES = 10_000


@dataclass(frozen=True, slots=True)
class KindOfWork:
    """One kind in one tenant. ``agents`` did some of it without consulting; ``mode`` is in force now."""

    tenant_id: str
    kind: str
    recorded: int
    unconsulted: int
    agents: int
    mode: Mode
    ruled: bool


@dataclass(frozen=True, slots=True)
class Writes:
    """What agents wrote to memory; ``many``: counting stopped at ``count``."""

    count: int
    agents: int

    @property
    def many(self) -> bool:
        return self.count >= MOST_WRITES


Modes = dict[tuple[str, str], Mode]


def modes(principal: Principal) -> Modes:
    """The rules in reach, by tenant and kind."""
    rows = EnforcementRule.objects.visible_to(principal).order_by().values_list("tenant_id", "kind", "mode")
    return {(tenant, kind): Mode(mode) for tenant, kind, mode in rows}


def in_force(rules: Modes, tenant: str, kind: str) -> Mode:
    """As ``enforcement.rule_for`` decides, from the rows as they are now."""
    if kind == MEMORY_WRITE:
        return rules.get((tenant, kind), Mode.OFF)
    fallback = rules.get((tenant, ANY_KIND), Mode(settings.CONFIG.procedures.enforcement))
    return rules.get((tenant, kind), fallback)


def last_day(principal: Principal, tenant_id: str | None = None) -> list[KindOfWork]:
    """The kinds of work that were recorded within a day, most work without consulting first."""
    rows = WorkRecord.objects.visible_to(principal).filter(created_at__gte=timezone.now() - LOOK_BACK)
    if tenant_id:
        rows = rows.filter(tenant_id=tenant_id)
    alone = Q(operation=None)
    counted = (
        rows.order_by()
        .values_list("tenant_id", "kind")
        .annotate(
            recorded=Count("pk"),
            unconsulted=Count("pk", filter=alone),
            agents=Count("agent_id", filter=alone, distinct=True),
        )
        .order_by("-unconsulted", "-recorded", "tenant_id", "kind")
    )
    rules = modes(principal)
    return [
        KindOfWork(tenant, kind, recorded, unconsulted, agents, in_force(rules, tenant, kind), (tenant, kind) in rules)
        for tenant, kind, recorded, unconsulted, agents in counted[:KINDS_SHOWN]
    ]


def writes_of_last_day(principal: Principal, tenant_id: str | None = None) -> Writes:
    """Versions of memories that agents wrote within a day."""
    since = first_id_of(timezone.now() - LOOK_BACK)
    rows = EntryVersion.objects.visible_to(principal).filter(pk__gte=since)
    newest = (rows.filter(tenant_id=tenant_id) if tenant_id else rows).order_by().values("author")[:MOST_WRITES]
    authors = [row["author"] for row in newest]
    return Writes(len(authors), len(set(authors)))


def first_id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: rows are cut off by their primary key."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
