"""Which places of the index deserve a vector index of their own: the rule alone, without a database."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

PREFIX = "vectors_near_"
#: An index is dropped when less than this share of what it took to build it is left: no tenant at the brink
#: has its index made and dropped by turns.
KEPT_ABOVE = 0.7
#: A reach that holds more of its tenant than this is served by the tenant's index: an own one would double it.
OWN_BELOW, OWN_KEPT_BELOW = 0.5, 0.7


@dataclass(frozen=True, slots=True)
class Place:
    """What one index covers: a tenant's vectors in a model, or those of one reach."""

    tenant_id: str
    model: str
    reach: str | None = None

    @property
    def name(self) -> str:
        """Of the index: names of tenants and models are longer than what an identifier holds."""
        parts = (self.tenant_id, self.model, self.reach or "", "reach" if self.reach is not None else "tenant")
        return PREFIX + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def __str__(self) -> str:
        return f"{self.tenant_id}{'' if self.reach is None else f' ({self.reach})'} in {self.model}"


@dataclass(frozen=True, slots=True)
class Size:
    """Vectors in a place, the least and the greatest dimension among them, and its reaches above the cap."""

    rows: int
    dimensions: tuple[int, int]
    large_reaches: tuple[str, ...] = ()


def wanted(counted: Mapping[Place, Size], *, have: Collection[Place], cap: int) -> dict[Place, Size]:
    """The indexes that ought to be there, the largest first; those there already stay a while longer."""
    reaches: dict[Place, dict[str, Size]] = defaultdict(dict)
    for place, size in counted.items():
        if place.reach is not None:
            reaches[Place(place.tenant_id, place.model)][place.reach] = size
    found: dict[Place, Size] = {}
    for tenant, sizes in reaches.items():
        whole = sum_of(sizes, cap)
        if whole.rows > (cap * KEPT_ABOVE if tenant in have else cap):
            found[tenant] = whole
            found.update(own_indexes(tenant, sizes, whole.rows, have, cap))
    return dict(sorted(found.items(), key=lambda item: -item[1].rows))


def sum_of(sizes: Mapping[str, Size], cap: int) -> Size:
    dimensions = [size.dimensions for size in sizes.values()]
    large = tuple(sorted(reach for reach, size in sizes.items() if size.rows > cap))
    span = min(low for low, _ in dimensions), max(high for _, high in dimensions)
    return Size(sum(size.rows for size in sizes.values()), span, large)


def own_indexes(
    tenant: Place, sizes: Mapping[str, Size], total: int, have: Collection[Place], cap: int
) -> Iterator[tuple[Place, Size]]:
    for reach, size in sizes.items():
        place = Place(tenant.tenant_id, tenant.model, reach)
        least, most = (cap * KEPT_ABOVE, OWN_KEPT_BELOW) if place in have else (cap, OWN_BELOW)
        if least < size.rows < total * most:
            yield place, size
