"""What replicas push: each change in a transaction of its own, carried out once however often it is sent."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from agents_app.models import PushedChange, Replica
from agents_app.services import conflicts, replicas
from agents_app.services.conflicts import Place, Submitted
from memoryhub.access.exceptions import HubError, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.models import ContextEntry

logger = logging.getLogger(__name__)

PUT, DELETE = "put", "delete"
#: Holds the place of the answer: a twin of the same push waits here until this one is done.
BEGIN = """
INSERT INTO memory_pushed_changes (tenant_id, replica_id, change_id, answer) VALUES (%s, %s, %s, '{}')
ON CONFLICT (replica_id, change_id) DO NOTHING RETURNING id
"""
NOT_THERE = "The change names something that is not there any more. Correct it and send it again."
COUNTERS = {"applied": "applied", "merged": "merged", "conflict": "conflicts", "rejected": "rejected"}

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change made on a replica. ``base_version``: what it was made from; None: created there."""

    change_id: UUID
    op: str
    key: str
    entry_id: UUID | None = None
    user_id: str | None = None
    value: Any = None
    base_version: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    written_at: datetime | None = None
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A change that could not even be read."""

    change_id: UUID
    error: HubError


def push(replica_id: UUID, edits: Sequence[Edit | Unreadable], *, principal: Principal) -> list[Answer]:
    """What became of each change, in their order. Raises NotFound for a replica that is not the principal's agent's.

    An answer: change_id, outcome (applied, merged, kept, conflict, rejected), entry_id, given_id (the id that the
    replica had used, where it is another), version, conflict_id, strategy, code, detail. Only what had an effect is
    remembered: a change that was rejected may be sent again.
    """
    principal.require("write")
    replica = own_replica(replica_id, principal=principal)
    answers = [push_one(replica, edit, principal) for edit in edits]
    note(replica.pk, answers, principal=principal)
    return answers


@verb
def own_replica(replica_id: UUID, *, principal: Principal) -> Replica:
    found: Replica | None = (
        replicas.registered(principal=principal, agent_id=principal.agent_id).filter(pk=replica_id).first()
    )
    if found is None:
        raise NotFound("There is no such replica of this agent. Register it anew.")
    return found


def push_one(replica: Replica, edit: Edit | Unreadable, principal: Principal) -> Answer:
    try:
        if isinstance(edit, Unreadable):
            raise edit.error
        caller = principal.naming(user_id=edit.user_id)
        with transaction.atomic(), behind_walls(caller):
            return carried_out_once(replica, edit, caller)
    except HubError as error:
        return answer(edit.change_id, outcome="rejected", code=error.code, detail=error.message)
    except IntegrityError:
        # perhaps only at the commit: one change that names what is not there must not refuse the others
        logger.exception("Change %s of replica %s could not be stored.", edit.change_id, replica.pk)
        return answer(edit.change_id, outcome="rejected", code="invalid", detail=NOT_THERE)


def carried_out_once(replica: Replica, edit: Edit, caller: Principal) -> Answer:
    with connection.cursor() as cursor:
        cursor.execute(BEGIN, [replica.tenant_id, replica.pk, edit.change_id])
        begun = cursor.fetchone()
    kept = PushedChange.objects.filter(replica=replica, change_id=edit.change_id)
    if begun is None:
        first: Answer = kept.get().answer
        return first
    done = answer_of(edit, submitted(edit, replica, caller))
    if done["outcome"] == "rejected":
        kept.delete()
    else:
        kept.update(answer=json.loads(json.dumps(done)))
    return done


def submitted(edit: Edit, replica: Replica, caller: Principal) -> Submitted:
    target = target_of(edit, caller)
    try:
        with transaction.atomic():
            return submit(target, edit, replica, caller)
    except IntegrityError:
        # the id that the replica made is another entry's, perhaps one that the caller may not see
        if not isinstance(target, Place) or target.entry_id is None:
            raise
        return submit(place_of(edit, caller, None), edit, replica, caller)


def submit(target: UUID | Place, edit: Edit, replica: Replica, caller: Principal) -> Submitted:
    return conflicts.submit(
        target,
        principal=caller,
        base_version=edit.base_version,
        value=edit.value,
        attributes=edit.attributes,
        deletes=edit.op == DELETE,
        strategy=edit.strategy,
        written_at=edit.written_at,
        replica_id=replica.pk,
    )


def target_of(edit: Edit, caller: Principal) -> UUID | Place:
    """The entry that is meant: one that is there, by its id; one that was created offline, by its key."""
    if edit.entry_id is None:
        return place_of(edit, caller, None)
    if edit.base_version is not None or ContextEntry.objects.visible_to(caller).filter(pk=edit.entry_id).exists():
        return edit.entry_id
    return place_of(edit, caller, edit.entry_id)


def place_of(edit: Edit, caller: Principal, entry_id: UUID | None) -> Place:
    return Place(key=edit.key, user_id=edit.user_id, agent_id=caller.agent_id, entry_id=entry_id)


def answer_of(edit: Edit, done: Submitted) -> Answer:
    moved = edit.entry_id is not None and done.entry_id is not None and edit.entry_id != done.entry_id
    refused = done.outcome == "rejected"
    return answer(
        edit.change_id,
        outcome=done.outcome,
        entry_id=done.entry_id and str(done.entry_id),
        given_id=str(edit.entry_id) if moved else None,
        version=done.version,
        conflict_id=done.conflict_id and str(done.conflict_id),
        strategy=done.strategy,
        code=done.code or "forbidden" if refused else "",
        detail=done.why,
    )


def answer(change_id: UUID, **found: Any) -> Answer:
    empty = {"entry_id": None, "given_id": None, "version": None, "conflict_id": None, "strategy": ""}
    return {"change_id": str(change_id)} | empty | {"code": "", "detail": ""} | found


@verb
def note(replica_id: UUID, answers: Sequence[Answer], *, principal: Principal) -> None:
    counted = Counter(COUNTERS[found["outcome"]] for found in answers if found["outcome"] in COUNTERS)
    grown = {name: F(name) + number for name, number in counted.items()}
    Replica.objects.filter(pk=replica_id).update(last_push_at=Now(), **grown)
