"""Figures about a tenant's memories, from counts that are kept, never by scanning the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Count, Q, Sum

from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal
from memoryhub.access.visibility import tenant_rows
from memoryhub.access.walls import verb
from memoryhub.registry.models import AccessTotal, EntryCount, EntryLock, EphemeralEntry
from memoryhub.sync.services import outbox

#: Ephemeral entries are counted in their own small table, up to this many.
MOST_COUNTED = 100_000
#: A figure of a higher house: called behind the principal's walls.
Contributor = Callable[[Principal], int]
_contributors: dict[str, Contributor] = {}


def register_contributor(name: str, figure: Contributor) -> None:
    """Adds a figure to the answer under ``name``; called from ``AppConfig.ready``."""
    _contributors[name] = figure


def live(**only: str) -> Q:
    return Q(state="live", **only)


def entry_counts(principal: Principal) -> dict[str, int]:
    sums = {
        "session_count": live(layer="session"),
        "short_term_count": live(layer="short_term"),
        "long_term_count": live(layer="long_term"),
        "permanent_count": live(layer="permanent"),
        "critical_count": live(priority="critical"),
        "archived_count": Q(state="archived"),
        "deleted_count": Q(state="deleted"),
    }
    rows = EntryCount.objects.filter(tenant_rows(principal))
    found = rows.aggregate(**{name: Sum("n", filter=condition, default=0) for name, condition in sums.items()})
    return {name: int(found[name]) for name in sums}


def ephemeral_counts(principal: Principal) -> dict[str, int]:
    rows = EphemeralEntry.objects.filter(tenant_rows(principal)).present().order_by()[:MOST_COUNTED]
    found = rows.aggregate(ephemeral_count=Count("pk"), critical=Count("pk", filter=Q(priority="critical")))
    return {name: int(n) for name, n in found.items()}


@verb
def get(*, principal: Principal) -> dict[str, Any]:
    """Entries that are there by layer, critical ones, accesses, deliveries that wait; higher houses add theirs.

    ``total_accesses`` lags by the second that the access log takes. ``cache_size`` repeats the layers
    that answer from memory in other designs.
    """
    counts = entry_counts(principal)
    ephemeral = ephemeral_counts(principal)
    durable = sum(counts[f"{layer}_count"] for layer in ("session", "short_term", "long_term", "permanent"))
    accesses = AccessTotal.objects.filter(tenant_rows(principal)).aggregate(n=Sum("accesses", default=0))["n"]
    return {
        "total_entries": durable + ephemeral["ephemeral_count"],
        "ephemeral_count": ephemeral["ephemeral_count"],
        **counts,
        "critical_count": counts["critical_count"] + ephemeral["critical"],
        "active_sessions": 0,
        "active_locks": EntryLock.objects.filter(tenant_rows(principal)).held().count(),
        "active_tenants": Tenant.objects.visible_to(principal).filter(active=True).count(),
        "total_accesses": int(accesses),
        "cache_size": {"ephemeral": ephemeral["ephemeral_count"], "session": counts["session_count"]},
        "pending_syncs": outbox.pending_of(principal),
        **{name: figure(principal) for name, figure in _contributors.items()},
    }
