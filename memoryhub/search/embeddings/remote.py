"""Embeddings from an endpoint somewhere else: patient for the relay, quick for a query, left alone while it is away.

The relay sends batches, tries again with growing pauses, and otherwise gives its deliveries back to the
outbox. A query is sent from a thread of its own and waits ``search.remote.query_timeout_ms`` at most; what
arrives later is remembered for the next time that the query is asked. After a failure neither side
asks until a pause is over (``circuit.py``).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

from memoryhub.config_sections import RemoteEmbeddings

from .base import ModelNotReady
from .circuit import Circuit
from .endpoint import GOVERNED_PAUSE, Endpoint, EndpointFailed, TextRefused

if TYPE_CHECKING:
    from .base import Vector

logger = logging.getLogger(__name__)

#: Longer pauses are left to the outbox, so that a claim does not run out in them.
LONGEST_SLEEP = 2.0
FIRST_SLEEP = 0.25
#: Queries on their way at a time in this process, those that nobody waits for any more included.
MOST_QUERIES = 16
#: How long a query that nobody waits for any more may still be on its way.
LATE_SECONDS = 5.0
#: What is asked to find out whether the endpoint answers at all.
PROBE = "memory"
#: A text that is refused is offered shorter, down to this many characters.
FEWEST_CHARACTERS = 200
REFUSES_ALL = "It refuses every text: check search.remote.model, search.remote.dimension and search.remote.shorten."

KeepLate = Callable[[str, "Vector"], None]


class Call:
    """A query on its way, in a thread of its own because nothing else bounds the time that an address takes."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.vectors: list[Vector] | None = None
        self.done = threading.Event()
        self.started = monotonic()
        self._open = True
        self._lock = threading.Lock()

    def close(self) -> bool:
        """True for the first who calls it: the waiter that gives up, or the thread that has come to an end."""
        with self._lock:
            first, self._open = self._open, False
            return first


class RemoteEmbedder:
    """``keep_late(text, vector)`` gets the vectors of queries that came too late."""

    def __init__(self, settings: RemoteEmbeddings, keep_late: KeepLate = lambda text, vector: None) -> None:
        self.settings = settings
        self.name = f"remote:{settings.model}:{settings.dimension}"
        self.dimension = settings.dimension
        self.batch_size = settings.batch_size * settings.connections
        self.endpoint = Endpoint(settings)
        self.circuit = Circuit()
        self._keep_late = keep_late
        self._answered = False
        self._room = threading.BoundedSemaphore(MOST_QUERIES)

    @property
    def ready(self) -> bool:
        return self._answered and self.circuit.closed

    @property
    def problem(self) -> str | None:
        return self.circuit.problem

    def warm(self, wait_seconds: float = 0) -> bool:
        """Asks for a first vector where none has come yet, and after a failure once its pause is over."""
        call = None if self.ready else self._begin([PROBE])
        if call and wait_seconds:
            call.done.wait(wait_seconds)
        return self.ready

    # -- the relay's way ----------------------------------------------------------------------

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Takes as long as the endpoint does, within the time-outs; several requests are on their way at a time.

        Raises ModelNotReady while it is away, and TextRefused for a text that it does not take.
        """
        if not texts:
            return []
        if not self.circuit.enter():
            raise ModelNotReady(self.problem, retry_in=self.circuit.seconds_left)
        try:
            vectors = self._all(list(self._batches(texts)))
        except EndpointFailed as error:
            self._report(error)
            raise ModelNotReady(str(error), retry_in=self.circuit.seconds_left) from error
        except BaseException as error:
            self._report(error)
            raise
        self._report(None)
        return vectors

    def _all(self, batches: Sequence[Sequence[str]]) -> list[Vector]:
        lanes = min(self.settings.connections, len(batches))
        with ThreadPoolExecutor(lanes, "remote-batch") as pool:
            # after the first failure the rest is not asked for
            return [vector for found in pool.map(self._attempts, batches) for vector in found]

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        characters = 0
        for text in (text[: self.settings.text_characters] for text in texts):
            full = len(batch) == self.settings.batch_size or characters + len(text) > self.settings.batch_characters
            if batch and full:
                yield batch
                batch, characters = [], 0
            batch.append(text)
            characters += len(text)
        if batch:
            yield batch

    def _attempts(self, texts: Sequence[str]) -> list[Vector]:
        for attempt in range(1, self.settings.attempts):
            try:
                return self._accepted(texts)
            except EndpointFailed as error:
                pause = max(error.retry_in or 0, backoff(attempt))
                if not error.passing or pause > LONGEST_SLEEP:
                    raise
            time.sleep(pause)
        return self._accepted(texts)

    def _accepted(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors, also when one of the texts is refused: then by halves, and that one shortened."""
        connect, answer = self.settings.connect_timeout_seconds, self.settings.read_timeout_seconds
        try:
            return self._fetch(texts, connect, answer)
        except TextRefused:
            if len(texts) == 1 and len(texts[0]) <= FEWEST_CHARACTERS:
                raise
        if len(texts) == 1:
            return self._accepted([texts[0][: len(texts[0]) // 2]])
        half = len(texts) // 2
        return self._accepted(texts[:half]) + self._accepted(texts[half:])

    def _fetch(self, texts: Sequence[str], connect: float, answer: float) -> list[Vector]:
        """Raises TextRefused only when the texts are to blame: when it takes others."""
        try:
            return self.endpoint.fetch(texts, connect_seconds=connect, answer_seconds=answer)
        except TextRefused as refusal:
            try:
                self.endpoint.fetch([PROBE], connect_seconds=connect, answer_seconds=answer)
            except TextRefused:
                raise EndpointFailed(
                    f"{refusal} {REFUSES_ALL}", retry_in=GOVERNED_PAUSE, said=refusal.said
                ) from refusal
            raise

    # -- a query's way ------------------------------------------------------------------------

    @property
    def query_seconds(self) -> float:
        """How long a query waits."""
        return self.settings.query_timeout_ms / 1000

    def embed_queries(self, texts: Sequence[str]) -> list[Vector]:
        """Waits ``query_timeout_ms`` at most. Raises ModelNotReady when there is no answer by then."""
        call = self._begin([text[: self.settings.text_characters] for text in texts])
        if call is None:
            raise ModelNotReady(self.problem)
        if not call.done.wait(self.query_seconds) and call.close():
            # reported here, not by the thread: the next query must not wait as long again
            self._report(self._too_slow())
        if call.vectors is None:
            raise ModelNotReady(self.problem)
        return call.vectors

    def _begin(self, texts: Sequence[str]) -> Call | None:
        """None while nobody may ask."""
        if not self._room.acquire(blocking=False):
            return None
        if not self.circuit.enter():
            self._room.release()
            return None
        call = Call(texts)
        try:
            threading.Thread(target=self._run, args=[call], name="remote-query", daemon=True).start()
        except RuntimeError as error:  # the system gives no further thread
            self._room.release()
            self._report(error)
            return None
        return call

    def _run(self, call: Call) -> None:
        vectors, error = self._outcome(call)
        in_time = call.close()
        if in_time:
            late = monotonic() - call.started > self.query_seconds
            self._report(error or (self._too_slow() if late else None))
            call.vectors = vectors
        elif vectors:
            for text, vector in zip(call.texts, vectors, strict=True):
                self._keep_late(text, vector)
        self._room.release()
        call.done.set()

    def _outcome(self, call: Call) -> tuple[list[Vector] | None, Exception | None]:
        connect = min(self.settings.connect_timeout_seconds, LATE_SECONDS)
        try:
            return self._fetch(call.texts, connect, min(self.settings.read_timeout_seconds, LATE_SECONDS)), None
        except Exception as error:  # noqa: BLE001 - the thread must come to its end: the circuit waits for its report
            return None, error

    def _too_slow(self) -> EndpointFailed:
        limit = self.settings.query_timeout_ms
        return EndpointFailed(f"{self.endpoint.host} takes longer than {limit} ms for a query.")

    # -- what comes of it -----------------------------------------------------------------------

    def _report(self, error: BaseException | None) -> None:
        if error is None or isinstance(error, TextRefused):
            if not self.circuit.closed:
                logger.warning("%s answers again.", self.endpoint.host)
            self._answered = True
            self.circuit.succeeded()
            return
        # of what nobody expected the kind alone: its text may quote an answer
        problem = str(error) if isinstance(error, EndpointFailed) else f"Asking failed with {type(error).__name__}."
        if self.circuit.closed:
            logger.warning("%s Searches answer by keyword until it is well again.", problem)
        self.circuit.failed(problem, retry_in=getattr(error, "retry_in", None) or 0)


def backoff(attempt: int) -> float:
    """Doubling from half a second, each a half to the whole of it, so that processes do not come together."""
    return FIRST_SLEEP * 2.0**attempt * random.uniform(0.5, 1)  # noqa: S311 - no secret
