"""Vector spaces: an embedder together with the recipe of what is embedded. Only vectors of one space are compared.

Which space searches are answered from stands in the database. Processes know it for ``CACHE_SECONDS``; a space
that was left goes on being written for ``GRACE_SECONDS``, so that a process that does not know yet finds everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from memoryhub.search.embeddings import Embedder, ModelNotReady, configured, embedder_of, get_embedder
from memoryhub.search.embeddings.missing import MissingEmbedder
from memoryhub.search.models import VectorSpace

CONFIGURATION = "configuration"
CACHE_SECONDS = 3.0
GRACE_SECONDS = 60.0
State = VectorSpace.State


class Space(NamedTuple):
    """``name`` stands beside each vector of the space; ``embedder`` makes the vectors of queries to it.

    ``context_words``: so many words before a message are embedded with it.
    """

    name: str
    embedder: Embedder
    context_words: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A space to be: the kind of its embedder (local, remote, hashing) with its settings, and the recipe."""

    kind: str
    settings: dict[str, Any]
    context_words: int

    @property
    def embedder(self) -> Embedder:
        return embedder_of(self.kind, self.settings)

    @property
    def name(self) -> str:
        return f"{self.embedder.name}/said-{self.context_words}"

    def fields(self) -> dict[str, Any]:
        """The columns of its row that say what it is."""
        made = self.embedder
        what = {"embedder": made.name, "dimension": made.dimension, "kind": self.kind, "settings": self.settings}
        return what | {"context_words": self.context_words}


@dataclass(frozen=True, slots=True)
class View:
    """What a process knows of the active space, and until when (``time.monotonic``)."""

    space: Space
    until: float


_views: dict[str, View] = {}


def active_space() -> Space | None:
    """The space that searches are answered from; None when embedding is turned off. Known for 3 seconds.

    Embed the query with its embedder and give its name to the search: both belong together.
    """
    if get_embedder() is None:
        return None
    view = _views.get("active")
    if view is None or monotonic() > view.until:
        view = _views["active"] = View(current(view), monotonic() + CACHE_SECONDS)
    return view.space


def warm() -> None:
    """Has the models of the active space and of one that is on its way loaded, in the background.

    The process also learns of a switch by it, whether or not anybody searches.
    """
    if active_space() is None:
        return
    for row in VectorSpace.objects.filter(state__in=(State.ACTIVE, State.BUILDING, State.READY)):
        embedder_for(row).warm()


def current(view: View | None) -> Space:
    """The active space, or for some seconds the one before it: until this process has loaded the new model.

    Nobody gets answers by keyword only because of a switch; the space before is still written meanwhile.
    """
    row = active_row()
    found = space_of(row)
    if view is None or view.space.name == found.name or found.embedder.warm():
        return found
    age = (timezone.now() - row.started_at).total_seconds() if row.started_at else GRACE_SECONDS
    return view.space if age < GRACE_SECONDS * 3 / 4 else found


def ask_again() -> None:
    """The next question asks the database: something changed."""
    view = _views.get("active")
    if view is not None:
        _views["active"] = View(view.space, 0.0)


def forget() -> None:
    """As a process that has just started."""
    _views.clear()


def active_row() -> VectorSpace:
    """The row of the active space; where there is none yet, the configured space becomes it."""
    return VectorSpace.objects.filter(state=State.ACTIVE).first() or first_row()


def first_row() -> VectorSpace:
    wanted = wanted_by_configuration()
    assert wanted is not None, "asked only where embedding is on"
    now = timezone.now()
    first = VectorSpace(
        name=wanted.name, state=State.ACTIVE, asked_by=CONFIGURATION, asked_at=now, started_at=now, **wanted.fields()
    )
    # two processes may start at once
    VectorSpace.objects.bulk_create([first], ignore_conflicts=True)
    return VectorSpace.objects.get(state=State.ACTIVE)


def wanted_by_configuration() -> Wanted | None:
    """None when embedding is turned off."""
    found = configured()
    return None if found is None else Wanted(*found, settings.CONFIG.search.context_words)


def space_of(row: VectorSpace) -> Space:
    """The space of a row. Where its embedder cannot be made any more, one that says so takes its place."""
    return Space(row.name, embedder_for(row), row.context_words)


def embedder_for(row: VectorSpace) -> Embedder:
    try:
        made = embedder_of(row.kind, row.settings)
    except (ValueError, TypeError, ModelNotReady) as error:
        return MissingEmbedder(row.embedder, f"The embedder '{row.embedder}' cannot be made: {error}")
    if made.name == row.embedder:
        return made
    return MissingEmbedder(
        row.embedder, f"This version of the hub has the model '{made.name}' and not '{row.embedder}' any more."
    )


def named(names: Iterable[str]) -> dict[str, Space]:
    return {row.name: space_of(row) for row in VectorSpace.objects.filter(name__in=set(names))}
