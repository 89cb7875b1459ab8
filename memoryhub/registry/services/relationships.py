"""How entries relate: typed, directed links between two entries. Who does not see both ends does not see the link.

A link belongs to its source: who may write that makes and removes it, also while somebody holds a lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.registry.exceptions import EphemeralEntryError, TargetNotFound
from memoryhub.registry.models import ContextEntry, EphemeralEntry, Relationship
from memoryhub.registry.services import access_log
from memoryhub.registry.services.amendments import amendable
from memoryhub.registry.services.records import Entry, of_rows

Direction = Literal["out", "in", "both"]
DIRECTIONS = ("out", "in", "both")
DEEPEST = 2
MOST_RELATED = 150


@dataclass(frozen=True, slots=True)
class Neighbor:
    """An entry and the link by which it was reached, ``distance`` links away. Of several links the strongest."""

    entry: Entry
    distance: int
    link: Relationship


@dataclass(frozen=True, slots=True)
class Related:
    """``truncated``: there are more than could be shown."""

    neighbors: list[Neighbor]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Made:
    link: Relationship
    created: bool


@verb
def relate(
    entry_id: UUID, *, principal: Principal, target_id: UUID, relationship_type: str, strength: float = 1.0
) -> Made:
    """Links an entry to another one; the same link again takes the new strength (0 to 1).

    Raises NotFound, NotGranted (the entry), EphemeralEntryError, TargetNotFound, Invalid (a link to itself).
    """
    source = amendable(entry_id, principal=principal, writing=False)
    if target_id == entry_id:
        raise Invalid("target_id", "An entry is not linked to itself. Name another one.")
    target = target_of(target_id, source, principal)
    link, created = Relationship.objects.update_or_create(
        source=source,
        target=target,
        relationship_type=relationship_type,
        defaults={"strength": strength},
        create_defaults={
            "strength": strength,
            "tenant_id": source.tenant_id or target.tenant_id,
            "author": principal.actor,
        },
    )
    link.refresh_from_db()
    note_in_audit("made" if created else "changed", link, principal)
    return Made(link, created)


def target_of(target_id: UUID, source: ContextEntry, principal: Principal) -> ContextEntry:
    """The other end: seen by the caller, and never of another tenant. Raises TargetNotFound, EphemeralEntryError."""
    target: ContextEntry | None = there(principal).filter(pk=target_id).first()
    if target is None:
        if EphemeralEntry.objects.visible_to(principal).present().filter(pk=target_id).exists():
            raise EphemeralEntryError("An ephemeral entry has no links. Store it in a durable layer first.")
        raise TargetNotFound()
    if source.tenant_id and target.tenant_id not in (None, source.tenant_id):
        raise TargetNotFound()
    return target


@verb
def unrelate(entry_id: UUID, relationship_id: UUID, *, principal: Principal) -> None:
    """Removes a link of an entry. Raises NotFound (also for a link of other entries), NotGranted."""
    link = seen_by(principal).filter(Q(source=entry_id) | Q(target=entry_id), pk=relationship_id).first()
    if link is None:
        raise NotFound()
    amendable(link.source_id, principal=principal, writing=False)
    link.delete()
    note_in_audit("removed", link, principal, relationship_id)


def note_in_audit(did: str, link: Relationship, principal: Principal, pk: UUID | None = None) -> None:
    audit.record(
        f"registry.relationship.{did}",
        principal=principal,
        tenant_id=link.tenant_id,
        object_type="relationship",
        object_id=pk or link.pk,
        new={
            "source_id": str(link.source_id),
            "target_id": str(link.target_id),
            "relationship_type": link.relationship_type,
            "strength": link.strength,
        },
    )


@verb
def of_entry(
    entry_id: UUID, *, principal: Principal, direction: Direction = "both", relationship_type: str | None = None
) -> QuerySet[Relationship]:
    """The links of an entry, from it, to it, or both. Evaluate them behind the principal's walls. Raises NotFound."""
    started = perf_counter()
    entry = there(principal).filter(pk=entry_id).first()
    if entry is None:
        raise refusal_for(entry_id, principal)
    access_log.note(of_rows([entry]), principal=principal, operation="relationships", started=started)
    return touching([entry_id], principal, direction, relationship_type)


@verb
def related(
    entry_id: UUID,
    *,
    principal: Principal,
    depth: int = 1,
    direction: Direction = "both",
    relationship_type: str | None = None,
    limit: int = 50,
) -> Related:
    """The entries up to ``depth`` (1 or 2) links away, nearest and strongest first; at most ``limit`` (150).

    Raises NotFound.
    """
    started = perf_counter()
    if not there(principal).filter(pk=entry_id).exists():
        raise refusal_for(entry_id, principal)
    walk = Walk(entry_id, room=limit + 1)
    frontier: Sequence[UUID] = [entry_id]
    for distance in range(1, min(depth, DEEPEST) + 1):
        frontier = walk.step(touching(frontier, principal, direction, relationship_type), set(frontier), distance)
    return described(walk.reached, limit, principal, started)


@dataclass(slots=True)
class Walk:
    """What was reached from an entry, in its order: at most ``room`` entries."""

    origin: UUID
    room: int
    reached: dict[UUID, tuple[int, Relationship]] = field(default_factory=dict)

    def step(self, links: QuerySet[Relationship], frontier: set[UUID], distance: int) -> list[UUID]:
        """Adds the unknown ends of the strongest links; gives them."""
        known = [self.origin, *self.reached]
        beyond = links.exclude(source__in=known, target__in=known).order_by("-strength", "id")
        for link in beyond.iterator(chunk_size=500):
            if len(self.reached) >= self.room:
                break
            end = link.target_id if link.source_id in frontier else link.source_id
            self.reached.setdefault(end, (distance, link))
        return list(self.reached)[len(known) - 1 :]


def described(
    reached: dict[UUID, tuple[int, Relationship]], limit: int, principal: Principal, started: float
) -> Related:
    shown = list(reached)[:limit]
    entries = of_rows(list(ContextEntry.objects.filter(pk__in=shown).only("pk"))) if shown else []
    by_id = {entry.entry_id: entry for entry in entries}
    access_log.note(entries, principal=principal, operation="related", started=started)
    return Related([Neighbor(by_id[pk], *reached[pk]) for pk in shown], len(reached) > limit)


def there(principal: Principal) -> Any:
    return ContextEntry.objects.visible_to(principal).present()


def refusal_for(entry_id: UUID, principal: Principal) -> EphemeralEntryError | NotFound:
    if EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id).exists():
        return EphemeralEntryError("An ephemeral entry has no links. Store it in a durable layer first.")
    return NotFound()


def seen_by(principal: Principal) -> QuerySet[Relationship]:
    """Links whose both ends the caller sees."""
    return Relationship.objects.filter(
        Exists(there(principal).filter(pk=OuterRef("source_id"))),
        Exists(there(principal).filter(pk=OuterRef("target_id"))),
    )


def touching(
    ids: Sequence[UUID], principal: Principal, direction: Direction, relationship_type: str | None
) -> QuerySet[Relationship]:
    ends = {"out": Q(source__in=ids), "in": Q(target__in=ids)}
    links = seen_by(principal).filter(ends.get(direction, ends["out"] | ends["in"]))
    return links.filter(relationship_type=relationship_type) if relationship_type else links
