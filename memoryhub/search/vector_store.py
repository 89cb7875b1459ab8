"""The vector store: a mirror of the index in vectors, filled by the relay so that storing waits for no model."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence

from django.db import InterfaceError, OperationalError

from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.builder import Builder
from memoryhub.search.embeddings import ModelNotReady, ModelPackagesMissing
from memoryhub.search.learning import learn
from memoryhub.search.services import index, space_changes
from memoryhub.search.services.index import ROWS_AT_A_TIME, Made, Text
from memoryhub.search.services.spaces import Space, active_space, named
from memoryhub.search.topics import MESSAGES, OF_ROWS
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import NotReady, Problem, Topic, topic_of

logger = logging.getLogger(__name__)
DATABASE_ERRORS = (OperationalError, InterfaceError)
NAME = "vector"
#: Well below the time that a claimed delivery is left alone; what is not done by then comes again at once.
LONGEST_SECONDS = 15.0
LOADING_PAUSE = 2.0
MISSING_PAUSE = 60.0


class VectorStore:
    """Registered in ``AppConfig.ready``. Removed rows need nothing here: their vectors go with them."""

    name = NAME
    topics: frozenset[Topic] = OF_ROWS | {MESSAGES}

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._builder = Builder()

    def start(self) -> None:
        self._stopping.clear()
        self._builder.start()

    def stop(self) -> None:
        self._stopping.set()
        self._builder.stop()

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, Problem]:
        # first, and without a model: words are found in spite of typing errors even where embedding is off
        unread = learn(batch)
        if active_space() is None:
            return unread
        until = time.monotonic() + LONGEST_SECONDS
        try:
            return unread | {delivery.pk: reason for delivery, reason in self._unfinished(batch, until)}
        except ModelPackagesMissing as error:
            raise NotReady(str(error), retry_in=MISSING_PAUSE) from error
        except ModelNotReady as error:
            raise NotReady(str(error), retry_in=error.retry_in or LOADING_PAUSE) from error

    def _unfinished(self, batch: Sequence[Delivery], until: float) -> Iterator[tuple[Delivery, NotReady]]:
        for group in by_tenant(batch):
            waiting, embedding = list(group), Embedding(group[0].tenant_id)
            while waiting and not self._stopping.is_set() and time.monotonic() < until:
                waiting = embedding.some(waiting)
            for delivery in waiting:
                yield delivery, NotReady("There was no time for all of it yet.", retry_in=0)


def by_tenant(batch: Sequence[Delivery]) -> list[list[Delivery]]:
    groups: dict[str | None, list[Delivery]] = {}
    for delivery in batch:
        groups.setdefault(delivery.tenant_id, []).append(delivery)
    return list(groups.values())


class Embedding:
    """Vectors of one tenant's rows, in every space that is written: the active one, and one that is on its way.

    ``without``: spaces on their way that could not be written; searches do not wait for them.
    """

    def __init__(self, tenant: str | None) -> None:
        self.principal = system_principal(NAME, tenant)
        self.without: list[str] = []

    def some(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Embeds up to ROWS_AT_A_TIME rows; the deliveries that need another round."""
        rows: list[Text] = []
        again: list[Delivery] = []
        with behind_walls(self.principal):
            for delivery in deliveries:
                room = ROWS_AT_A_TIME - len(rows)
                found = self._lacking(delivery, room) if room else []
                rows += found
                if len(found) >= room:
                    again.append(delivery)
        self._embed(list(dict.fromkeys(rows)))
        return again

    def _lacking(self, delivery: Delivery, limit: int) -> list[Text]:
        event = delivery.event
        if topic_of(event.event_type) in OF_ROWS:
            return index.lacking_of_entry(delivery.object_id, self.without)
        return index.lacking_of_session(
            delivery.tenant_id, event.context_key, delivery.version, limit, without=self.without
        )

    def _embed(self, rows: Sequence[Text]) -> None:
        spaces = named(row.space for row in rows)
        size = min((space.embedder.batch_size for space in spaces.values()), default=1)
        for some in index.batches(rows, size):
            made: list[Made] = []
            try:
                for name in dict.fromkeys(row.space for row in some):
                    made += self._made([row for row in some if row.space == name], spaces[name])
            except ModelNotReady:
                # what another space has got is kept: while the active one is away, each try would make it again
                index.write(made, principal=self.principal)
                raise
            index.write(made, principal=self.principal)

    def _made(self, rows: Sequence[Text], space: Space) -> list[Made]:
        try:
            return index.made(rows, space, principal=self.principal)
        except DATABASE_ERRORS:
            raise
        except Exception as error:
            if not space_changes.left_out(principal=self.principal, name=space.name, error=str(error)):
                raise
            logger.warning("%s is not written at the moment: %s", space.name, error)
            self.without.append(space.name)
            return []
