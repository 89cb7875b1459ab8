"""Building a vector space beside the one that answers searches: in slices, so that it can be stopped at any time.

A slice embeds the next rows that lack a vector of the space. When it finds no more, the space is complete: all that
searches find by the active space, they find by this one, because from its beginning on every new vector was written
to both. Complete spaces become active by themselves, or wait for a person.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Case, F, When
from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.search.embeddings import ModelNotReady
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import index, space_changes, spaces
from memoryhub.search.services.index import ROWS_AT_A_TIME, Text
from memoryhub.search.services.spaces import GRACE_SECONDS, Space, State
from memoryhub.sync.services.job_runs import only_one

logger = logging.getLogger(__name__)
SLICE_SECONDS = 20.0
#: Weight of the last batch in the rate that is shown.
NEWEST = 0.3
INTERRUPTED = (OperationalError, InterfaceError)

COUNT = """
SELECT (SELECT count(*) FROM memory_search_index), (SELECT count(*) FROM memory_context_vectors WHERE model = %s)
"""
# Rows that a search by meaning finds in the one space and would not find in the other.
FOUND_LESS = """
SELECT EXISTS (
  SELECT FROM memory_context_vectors a JOIN memory_search_index i ON i.id = a.row_id AND a.version >= i.version
  WHERE a.model = %(active)s AND NOT EXISTS (
    SELECT FROM memory_context_vectors b WHERE b.row_id = i.id AND b.model = %(space)s AND b.version >= i.version))
"""
# By primary key from where the last slice ended: looking for one model would read all that is left, every time.
DROP_SOME = """
WITH next AS MATERIALIZED (
  SELECT row_id FROM memory_context_vectors WHERE model = %(space)s AND row_id > %(after)s
  ORDER BY row_id LIMIT %(limit)s
), gone AS (
  DELETE FROM memory_context_vectors v USING next n WHERE v.row_id = n.row_id AND v.model = %(space)s
)
SELECT count(*), (SELECT row_id FROM next ORDER BY row_id DESC LIMIT 1) FROM next
"""


def never() -> bool:
    return False


def work(*, principal: Principal, seconds: float = SLICE_SECONDS, stopping: Callable[[], bool] = never) -> bool:
    """One slice of whatever is to be built; True when there is more to do at once. As the system role.

    Beside another process that does the same it does nothing.
    """
    with only_one("search_spaces") as mine:
        row = next_one() if mine else None
        if row is None:
            return False
        try:
            return Slice(row, principal).run(time.monotonic() + seconds, stopping)
        except ModelNotReady as error:
            note(row, in_full(error))
            return False


def next_one() -> VectorSpace | None:
    """A space that is being built, or the active one if it may lack rows that were stored while nobody embedded."""
    building = VectorSpace.objects.filter(state=State.BUILDING)
    return building.first() or VectorSpace.objects.filter(state=State.ACTIVE, complete=False).first()


def note(row: VectorSpace, error: str) -> None:
    VectorSpace.objects.filter(pk=row.pk, state=row.state).update(error=error)


def in_full(error: Exception) -> str:
    """With what an endpoint answered, which may quote memories: for the page of staff that sees all of them."""
    said = getattr(error, "said", "") or getattr(error.__cause__, "said", "")
    return f"{error} It said: {said}" if said else str(error)


class Slice:
    """Rows looked through for one space, from where the last slice ended."""

    def __init__(self, row: VectorSpace, principal: Principal) -> None:
        self.row = row
        self.principal = principal
        self.space: Space = spaces.space_of(row)
        self.embedded = self.refused = 0

    def run(self, until: float, stopping: Callable[[], bool]) -> bool:
        if self.row.after is None:
            self._count()
        while time.monotonic() < until and not stopping():
            began = time.monotonic()
            with behind_walls(self.principal):
                rows = index.lacking_anywhere(self.space, self.row.after, ROWS_AT_A_TIME)
            if not rows:
                return self._ended()
            for some in index.batches(rows, self.space.embedder.batch_size):
                refused = self._embed(some)
                if not self._advanced(some, refused, time.monotonic() - began):
                    return False
                began = time.monotonic()
                if stopping():
                    break
        return True

    def _count(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(COUNT, [self.row.name])
            total, done = cursor.fetchone()
        VectorSpace.objects.filter(pk=self.row.pk).update(total=total, done=done)

    def _embed(self, rows: Sequence[Text]) -> list[str]:
        """Why rows were refused. A batch that fails as a whole is taken apart to find the ones to blame."""
        try:
            index.embed(rows, self.space, principal=self.principal)
        except (ModelNotReady, *INTERRUPTED):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the row is counted and its space fails
            if len(rows) > 1:
                return [why for row in rows for why in self._embed([row])]
            self.refused += 1
            logger.warning("%s takes no vector of %s: %s.", rows[0].row_id, self.row.name, type(error).__name__)
            # without the id: staff of other tenants reads this too; the log names it
            return [f"{type(error).__name__}: {in_full(error)}"[:500]]
        self.embedded += len(rows)
        return []

    def _advanced(self, rows: Sequence[Text], refused: Sequence[str], seconds: float) -> bool:
        """Writes the progress down; False when somebody paused or cancelled meanwhile."""
        rate = len(rows) / max(seconds, 1e-6)
        mine = VectorSpace.objects.filter(pk=self.row.pk, state=self.row.state)
        self.row.after = rows[-1].row_id
        return (
            mine.update(
                after=self.row.after,
                done=F("done") + len(rows) - len(refused),
                refused=F("refused") + len(refused),
                rate=Case(When(rate=None, then=rate), default=(1 - NEWEST) * F("rate") + NEWEST * rate),
                error=refused[-1] if refused else "",
            )
            == 1
        )

    def _ended(self) -> bool:
        """No row is left: the space is complete, or what was written meanwhile is looked through once more."""
        if self.row.state == State.ACTIVE:
            VectorSpace.objects.filter(pk=self.row.pk).update(complete=True, after=None)
            return False
        # only then is it certain that what lacks is what is refused, and nothing that was written meanwhile
        hopeless = self.refused > 0 and self.embedded == 0
        if conclude(principal=self.principal, space=self.row, hopeless=hopeless):
            return True
        VectorSpace.objects.filter(pk=self.row.pk).update(after=None, refused=0)
        return self.embedded > 0


@verb
def conclude(*, principal: Principal, space: VectorSpace, hopeless: bool) -> bool:
    """Makes a space that has every row ready or active; failed where it lacks some and it is ``hopeless`` to go on.

    False when it lacks rows and goes on.
    """
    row = next((row for row in space_changes.locked() if row.pk == space.pk), None)
    if row is None or row.state != State.BUILDING:
        return True
    if found_less(row.name):
        if hopeless:
            space_changes.saved(row, "failed", State.FAILED, principal=principal, error=refusal(row))
        return hopeless
    if row.switch_by_itself:
        space_changes.activate(row, principal=principal)
    else:
        space_changes.saved(row, "ready", State.READY, principal=principal, error="")
    return True


def found_less(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(FOUND_LESS, {"active": spaces.active_row().name, "space": name})
        return bool(cursor.fetchone()[0])


def refusal(row: VectorSpace) -> str:
    return (
        f"{row.refused} rows could not be embedded, so searches by this model would not find them. "
        f"The last one: {row.error} Look at it, then resume or cancel."
    )


def drop_former(*, principal: Principal, limit: int) -> int:
    """Removes vectors of spaces whose time is over; how many. A slice of the job ``drop_former_vectors``."""
    # a process that embedded for it when it was cancelled may write until then
    over = timezone.now() - timedelta(seconds=GRACE_SECONDS)
    former = VectorSpace.objects.filter(state=State.RETIRED, drop_at__lt=over)
    if not former.exists():
        return 0
    with behind_walls(principal), connection.cursor() as cursor:
        # held as by every other decision: somebody may be about to go back to it, or to build it again
        space_changes.locked()
        row = former.order_by("drop_at").first()
        if row is None:
            return 0
        after = row.after or index.BEFORE_ALL
        cursor.execute(DROP_SOME, {"space": row.name, "after": after, "limit": limit})
        count, last = cursor.fetchone()
        if count:
            VectorSpace.objects.filter(pk=row.pk).update(after=last)
        else:
            empty = {"after": None, "done": 0, "total": 0}
            space_changes.saved(row, "dropped", State.DROPPED, principal=principal, **empty)
    return int(count)
