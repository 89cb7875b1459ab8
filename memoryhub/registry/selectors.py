"""Reads that lists are made of. Evaluate them behind the principal's walls."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, EphemeralEntry


def children_of(entry_id: UUID, *, principal: Principal, include_archived: bool = False) -> QuerySet[ContextEntry]:
    """The entries whose parent it is and that the caller may see. Raises NotFound for the parent."""
    if not exists(entry_id, principal=principal, include_archived=include_archived):
        raise NotFound()
    there = ContextEntry.objects.visible_to(principal).present(archived=include_archived)
    found: QuerySet[ContextEntry] = there.filter(parent_id=entry_id)
    return found


def exists(entry_id: UUID, *, principal: Principal, include_archived: bool = False) -> bool:
    """Whether there is an entry of that id which the caller may see."""
    with behind_walls(principal):
        there = ContextEntry.objects.visible_to(principal).present(archived=include_archived)
        # never a parent, but there
        ephemeral = EphemeralEntry.objects.visible_to(principal).present()
        return there.filter(pk=entry_id).exists() or ephemeral.filter(pk=entry_id).exists()
