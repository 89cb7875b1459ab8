"""A session as one stream by time: messages, tasks, hand-offs, snapshots and decisions.

Pages are cut at messages, whose numbers have no gaps; whatever else happened between the first and the last
message of a page belongs to it. Messages stand where the hub received them, which for an imported transcript
is not when they were said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Q, QuerySet

from memoryhub.access.principals import Principal
from sessions_app.models import ContextSnapshot, Decision, Handoff, Message, Session, Task

Kind = Literal["message", "task", "handoff", "answer", "snapshot", "decision"]
PAGE = 100
#: Of each other kind on one page; the lists of the admin have all of them.
MOST_OF_A_KIND = 300
#: What commits late may carry an earlier time than what was seen already.
OVERLAP = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``place`` orders events of one moment: messages by number, before the rest."""

    kind: Kind
    at: datetime
    about: Any
    place: tuple[int, int] = (1, 0)

    @property
    def name(self) -> str:
        """Unique within the session."""
        return f"{self.kind}-{self.about.pk}"

    @property
    def filter(self) -> str:
        """The answer to a hand-off is shown and hidden with hand-offs."""
        return "handoff" if self.kind == "answer" else self.kind


@dataclass(frozen=True, slots=True)
class Page:
    """``older`` is the number before which earlier pages end, None on the first one. ``last`` and ``since`` say
    where to look for newer events."""

    events: list[Event]
    older: int | None
    last: int
    since: datetime
    cut: bool


def page(session: Session, *, principal: Principal, before: int | None = None, newest: bool = True) -> Page:
    """The ``PAGE`` messages before number ``before`` (the latest by default) with what happened around them."""
    messages = messages_before(session, principal, before)
    first, last = (messages[0].sequence, messages[-1].sequence) if messages else (0, 0)
    start = messages[0].created_at if first > 1 else None
    end = message_time(session, principal, last + 1) if before is not None else None
    others, cut = happened(session, principal, start, end)
    events = in_order([*(message_event(message) for message in messages), *others])
    since = max((event.at for event in events), default=session.start_time)
    return Page(events, first if first > 1 else None, last, since, cut)


def newer(session: Session, *, principal: Principal, after: int, since: datetime) -> Page:
    """Messages after number ``after``, and what else happened since (with some overlap)."""
    rows = Message.objects.visible_to(principal).filter(session=session, sequence__gt=after).order_by("sequence")
    messages = list(rows[:PAGE])
    others, cut = happened(session, principal, since - OVERLAP, None)
    events = in_order([*(message_event(message) for message in messages), *others])
    last = messages[-1].sequence if messages else after
    return Page(events, None, last, max([since, *(event.at for event in events)]), cut)


def messages_before(session: Session, principal: Principal, before: int | None) -> list[Message]:
    rows = Message.objects.visible_to(principal).filter(session=session).order_by("-sequence")
    return list((rows.filter(sequence__lt=before) if before else rows)[:PAGE])[::-1]


def message_time(session: Session, principal: Principal, sequence: int) -> datetime | None:
    rows = Message.objects.visible_to(principal).filter(session=session, sequence=sequence)
    found: datetime | None = rows.values_list("created_at", flat=True).first()
    return found


def message_event(message: Message) -> Event:
    return Event("message", message.created_at, message, (0, message.sequence))


def happened(
    session: Session, principal: Principal, start: datetime | None, end: datetime | None
) -> tuple[list[Event], bool]:
    """Everything but messages from ``start`` on and before ``end``; whether something had to be left out."""
    own: dict[str, Any] = {"session": session}
    named = {"session_id": session.session_id, "tenant_id": session.tenant_id}
    sources: list[tuple[Kind, type[Any], str, dict[str, Any]]] = [
        ("task", Task, "created_at", own),
        ("handoff", Handoff, "created_at", own),
        ("answer", Handoff, "answered_at", own),
        ("snapshot", ContextSnapshot, "timestamp", named),
        ("decision", Decision, "created_at", named),
    ]
    found: list[Event] = []
    cut = False
    for kind, model, column, about in sources:
        rows = model.objects.visible_to(principal).filter(between(column, start, end), **about)
        events = list(of_kind(kind, column, rows))
        cut = cut or len(events) == MOST_OF_A_KIND
        found += events
    return found, cut


def between(column: str, start: datetime | None, end: datetime | None) -> Q:
    wanted = Q(**{f"{column}__isnull": False})
    if start is not None:
        wanted &= Q(**{f"{column}__gte": start})
    return wanted & Q(**{f"{column}__lt": end}) if end is not None else wanted


def of_kind(kind: Kind, column: str, rows: QuerySet[Any]) -> Iterator[Event]:
    for row in rows.order_by(f"-{column}")[:MOST_OF_A_KIND]:
        yield Event(kind, getattr(row, column), row)


def in_order(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.at, event.place))
