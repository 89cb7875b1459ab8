"""What every transcript format is read into: conversations of messages, and what could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from memoryhub.access.exceptions import Invalid
from memoryhub.access.json_values import check_tree
from sessions_app.models import Message
from sessions_app.services.messages import NewMessage

#: Names that other programs give to the roles.
ROLES = {
    "developer": "system",
    "function": "tool",
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
LOCOMO_TIME = "%I:%M %p on %d %B, %Y"
#: A session's name stands in addresses.
UNFIT = re.compile(r"[\s/\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was skipped: where it stands, and what is wrong with it."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class BadRecord(Exception):
    """A record cannot be imported; the message says why."""


@dataclass(slots=True)
class Conversation:
    """One conversation, in order. ``place`` says where it stands; ``user`` is the data's own, if it has one."""

    session_id: str
    place: str
    user: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    messages: list[NewMessage] = field(default_factory=list)


def session_name(*parts: object) -> str:
    """A session_id out of parts of the data, with what an address cannot hold replaced by ``_``."""
    name = "-".join(UNFIT.sub("_", str(part)) for part in parts).strip("._") or "conversation"
    return name[: settings.CONFIG.limits.key_length]


def message(
    *, role: object, content: str, name: object = None, at: object = None, metadata: dict[str, Any] | None = None
) -> NewMessage:
    """A checked message. Raises BadRecord."""
    found = NewMessage(
        role=role_of(role),
        content=content,
        name=str(name) if name else None,
        at=moment(at),
        metadata={key: value for key, value in (metadata or {}).items() if value is not None},
    )
    try:
        check_tree([found.name, found.content, found.metadata])
    except Invalid as error:
        raise BadRecord(error.message) from error
    limit = settings.CONFIG.limits.value_kb * 1024
    if len(found.content) > limit:
        raise BadRecord(f"the text has {len(found.content):,} characters; at most {limit:,} are allowed")
    return found


def role_of(role: object) -> str:
    known = str(role).lower()
    known = ROLES.get(known, known)
    if known not in Message.Role.values:
        raise BadRecord(f"the role {role!r} is not one of {', '.join(Message.Role.values)}")
    return known


def moment(value: object) -> datetime | None:
    """Seconds since 1970, ISO 8601, or ``1:56 pm on 8 May, 2023``. Without a time zone it is taken for UTC."""
    if value is None or value == "":
        return None
    try:
        found = datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else parsed(str(value))
    except (ValueError, OverflowError, OSError) as error:
        raise BadRecord(f"the time {value!r} is not understood") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.strptime(text.strip(), LOCOMO_TIME)  # noqa: DTZ007 - the caller adds the zone


def first_of(record: dict[str, Any], names: Iterable[str]) -> Any:
    """The first of these fields that says something."""
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)
