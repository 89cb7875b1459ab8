"""What notices are about: conflicts here, and what higher houses add in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db.models import Q


@dataclass(frozen=True, slots=True)
class About:
    """What may be said of such a thing outside of the hub: names and times, never values.

    ``noun`` as in "a new conflict"; ``what`` is its kind in words; ``where`` names what it concerns; ``path`` is its
    page in the admin; ``fields`` are what a webhook gets of it beside that.
    """

    noun: str
    what: str
    where: str
    severity: str
    tenant_id: str | None
    opened_at: datetime
    due_at: datetime | None
    is_open: bool
    path: str
    fields: Mapping[str, object] = field(default_factory=dict)


class Noticed(Protocol):
    """One sort of thing. ``permission``: who may see notices of it; ``sentences``: what a reason means, by reason."""

    name: str
    permission: str
    sentences: Mapping[str, str]

    def about(self, ids: Collection[UUID]) -> Mapping[UUID, About]:
        """Those that still exist."""

    def waiting(self) -> Q:
        """The condition on notices whose thing still needs somebody."""

    def path(self, thing_id: UUID) -> str: ...


_things: dict[str, Noticed] = {}


def register(thing: Noticed) -> None:
    _things[thing.name] = thing


def thing(name: str) -> Noticed:
    return _things[name]


def every() -> list[Noticed]:
    return list(_things.values())


def waiting() -> Q:
    """Notices of things that still need somebody: of the others nobody has to hear any more."""
    found = Q(pk=None)
    for one in every():
        found |= one.waiting()
    return found
