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
    there = ContextEntry.objects.visible_to(principal).present(archived=include_archived)
    with behind_walls(principal):
        # never a parent, but there
        ephemeral = EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id)
        if not there.filter(pk=entry_id).exists() and not ephemeral.exists():
            raise NotFound()
    found: QuerySet[ContextEntry] = there.filter(parent_id=entry_id)
    return found
