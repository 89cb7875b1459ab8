"""Messages: appended in one round trip, numbered without gaps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from memoryhub.access.exceptions import Invalid, TooLarge
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_call
from memoryhub.access.walls import behind_walls, verb
from memoryhub.sync import stores
from sessions_app.models import Message
from sessions_app.services import changes, finding

APPEND = (
    "SELECT id, last, state_due FROM session_append(%s::text, %s::text, %s::text, %s::text, %s::text, %s::jsonb, "
    "%s::jsonb, %s::text[], %s::uuid, %s::uuid, %s::uuid, %s::text, %s::text, %s::uuid, %s::text)"
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One turn. ``name`` is the speaker, ``at`` (timezone-aware) when it was said, if not now."""

    role: str
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Appended:
    """The messages got the numbers ``first`` to ``last``, in order; ``ids`` are theirs."""

    session: UUID
    first: int
    last: int
    ids: list[UUID]


def append(*, session_id: str, messages: Sequence[NewMessage], principal: Principal) -> Appended:
    """Adds the messages to an open session, all or none.

    Needs ``write``. Raises SessionNotFound, SessionClosed, Invalid (unknown role), TooLarge (a batch or text
    over its limit).
    """
    principal.require("write")
    check(messages)
    ids = [new_id() for _ in messages]
    order = order_of(session_id, messages, ids, principal)
    rows = one_call(APPEND, order, principal=principal) or retried(session_id, order, principal)
    session, last, state_due = rows[0]
    if state_due:
        write_state(session=session, principal=principal)
    return Appended(session, last - len(messages) + 1, last, ids)


def retried(session_id: str, order: list[Any], principal: Principal) -> list[tuple[Any, ...]]:
    """Says why no open session was found; where it was opened in between, it stays so while its row is locked."""
    with behind_walls(principal):
        finding.locked_open(session_id, principal=principal)
        return one_call(APPEND, order, principal=principal)


@verb
def write_state(*, session: UUID, principal: Principal) -> None:
    """Where only messages come in, the state entry is renewed every few minutes."""
    changes.state_written(finding.locked_by_id(session), principal)


def check(messages: Sequence[NewMessage]) -> None:
    limits = settings.CONFIG.limits
    if not 1 <= len(messages) <= limits.batch:
        raise TooLarge(f"A call takes 1 to {limits.batch} messages, this one has {len(messages)}. Split it.")
    for index, message in enumerate(messages):
        if message.role not in Message.Role.values:
            raise Invalid(
                f"messages[{index}].role", f"'{message.role}' is not one of {', '.join(Message.Role.values)}."
            )
        if len(message.content) > limits.value_kb * 1024:
            raise TooLarge(f"messages[{index}].content is longer than {limits.value_kb * 1024} characters. Split it.")


def order_of(session_id: str, messages: Sequence[NewMessage], ids: Sequence[UUID], principal: Principal) -> list[Any]:
    return [
        finding.tenant_of(principal),
        session_id,
        principal.named_user,
        principal.agent_id,
        json.dumps(Counter(message.role for message in messages)),
        json.dumps([as_record(message, id_) for message, id_ in zip(messages, ids, strict=True)]),
        stores.targets(changes.TOPIC),
        *(new_id() for _ in range(3)),
        principal.actor,
        principal.kind,
        principal.key_id,
        principal.request_id,
    ]


def as_record(message: NewMessage, id_: UUID) -> dict[str, Any]:
    return {
        "id": str(id_),
        "role": message.role,
        "name": message.name,
        "content": message.content,
        "metadata": message.metadata,
        "at": message.at.isoformat() if message.at else None,
    }
