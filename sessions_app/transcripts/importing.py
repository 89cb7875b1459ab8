"""Importing conversations: a session each, again and again without doubling anything.

Messages go in by batches, each a transaction, in order: what a session holds is always the beginning of
its conversation, so an import that was interrupted goes on behind it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from sessions_app.models import Message, Session
from sessions_app.services import endings, finding, messages, sessions
from sessions_app.services.messages import NewMessage
from sessions_app.transcripts.records import BadRecord, Conversation

MARK, DONE = "import", "done"


@dataclass(slots=True)
class Done:
    """How many messages a conversation has, and how many of them this run added."""

    messages: int
    added: int


def put(conversation: Conversation, *, principal: Principal, progress: Callable[[int], object]) -> Done:
    """Brings one conversation in as an ended session. ``progress`` hears how many messages are done.

    Raises BadRecord where a session of that name holds something else.
    """
    said = conversation.messages
    caller = principal.naming(user_id=conversation.user or principal.named_user)
    there = begin(conversation, principal=caller)
    progress(there)
    batch = settings.CONFIG.limits.batch
    for first in range(there, len(said), batch):
        part = said[first : first + batch]
        messages.append(session_id=conversation.session_id, messages=part, principal=caller)
        progress(len(part))
    finish(conversation, principal=caller)
    return Done(len(said), len(said) - there)


@verb
def begin(conversation: Conversation, *, principal: Principal) -> int:
    """The session, made or found open, and how many messages of the conversation it holds already."""
    times = [turn.at for turn in conversation.messages if turn.at]
    mark = mark_of(conversation)
    found = Session.objects.filter(tenant_id=principal.tenant_id, session_id=conversation.session_id).first()
    if found is None:
        sessions.start(
            session_id=conversation.session_id,
            metadata={**conversation.metadata, MARK: mark},
            start_time=min(times, default=None),
            principal=principal,
        )
        return 0
    check_same(found, conversation, principal)
    if found.message_count < len(conversation.messages):
        reopen(found, mark, principal)
    return int(min(found.message_count, len(conversation.messages)))


def reopen(found: Session, mark: dict[str, Any], principal: Principal) -> None:
    if not found.is_open:
        sessions.resume(session_id=found.session_id, principal=principal)
    sessions.start(session_id=found.session_id, metadata={MARK: mark}, principal=principal)


def check_same(found: Session, conversation: Conversation, principal: Principal) -> None:
    """The session must come from an import of this conversation: same user, and the beginning of it or all."""
    if MARK not in found.metadata:
        raise BadRecord(f"the session '{found.session_id}' exists and does not come from an import")
    if found.user_id != principal.named_user:
        raise BadRecord(f"the session '{found.session_id}' exists and belongs to another user")
    if known(found) == mark_of(conversation) and found.message_count <= len(conversation.messages):
        return
    stored = Message.objects.filter(session=found).order_by("sequence").values_list("role", "content")
    both = zip(stored[: len(conversation.messages)], conversation.messages, strict=False)
    if any((role, content) != (turn.role, turn.content) for (role, content), turn in both):
        raise BadRecord(f"the session '{found.session_id}' exists and holds another conversation")


def known(found: Session) -> dict[str, Any]:
    """The mark of an earlier import, without the word that it was finished."""
    return {key: value for key, value in (found.metadata.get(MARK) or {}).items() if key != DONE}


def mark_of(conversation: Conversation) -> dict[str, Any]:
    """What the import leaves on the session: enough to know the same conversation again."""
    return {"messages": len(conversation.messages), "digest": digest(conversation.messages)}


def digest(said: list[NewMessage]) -> str:
    seal = hashlib.sha256()
    for turn in said:
        seal.update(json.dumps([turn.role, turn.name, turn.content]).encode())
    return seal.hexdigest()[:32]


@verb
def finish(conversation: Conversation, *, principal: Principal) -> None:
    """Ends the session when it was last spoken in, once: whoever resumes it later is left alone.

    The session is no memory of its own: its messages are.
    """
    session = finding.find(conversation.session_id, principal=principal)
    mark = session.metadata.get(MARK) or {}
    if session.is_open and mark and DONE not in mark:
        sessions.start(session_id=session.session_id, metadata={MARK: {**mark, DONE: True}}, principal=principal)
        last = max((turn.at for turn in conversation.messages if turn.at), default=None)
        endings.end(
            session_id=session.session_id, reason="imported", ended_at=last, remember=False, principal=principal
        )
