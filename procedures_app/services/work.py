"""The history of work: what was done and how it ended, and whether something was done before."""

# ruff: noqa: A002 - what callers hand in bears the names of the table
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.services.drafts import check_value
from procedures_app import wording
from procedures_app.digests import normal, work_digest
from procedures_app.indexing import Indexed, put
from procedures_app.matching import task_likeness
from procedures_app.models import Operation, WorkRecord
from procedures_app.particulars import same_particulars
from procedures_app.services import enforcement
from procedures_app.services.consultations import consulted
from procedures_app.services.similar import Looked, agent_reach, context_text, look
from sessions_app.models import Session
from sessions_app.services.finding import tenant_of

By = Literal["task_id", "input", "similarity"]
#: Work this like what is asked about is taken for the same.
SAME_WORK = 0.9
#: Work less like it is not worth showing.
LIKE_WORK = 0.5
#: Nor is work that is only like a piece of the context, by its words alone, if it is less like that.
LIKE_PIECE = 0.6
#: Records that are looked at, and shown, of one task.
MOST_RECORDS = 20
MOST_SHOWN = 5
LONGEST_TEXT = 4000
NOTHING = "Nothing like this is on record."


@dataclass(frozen=True, slots=True)
class Similar:
    """Work like the task, or like what its context speaks ``about``; ``likeness`` 0..1."""

    record: WorkRecord
    likeness: float
    about: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether something was done before. What only failed was tried, not done. ``records`` newest first."""

    done: bool
    by: By | None
    says: str
    records: Sequence[WorkRecord]
    likeness: float | None = None


# -- recording -------------------------------------------------------------------------------------------


@verb
def record(
    *,
    principal: Principal,
    action: str,
    kind: str | None = None,
    input: Any = None,
    output: Any = None,
    success: bool | None = None,
    error_message: str | None = None,
    duration_ms: int | None = None,
    task_id: str | None = None,
) -> WorkRecord:
    """Writes down one thing that was done. ``duration_ms`` is in milliseconds.

    Without ``kind`` it is that of the operation that the caller is at work on, else ``general``. Raises
    ConsultationRequired and ProcedureRequired where the tenant enforces them for this kind, Invalid, TooLarge.
    """
    principal.require("write")
    check_value([input, output], "input and output")
    kind = enforcement.canonical_kind(kind) if kind else kind_at_work(principal)
    operation = enforcement.check(kind, principal=principal)
    if success is not False:
        enforcement.require_run(kind, operation, principal=principal)
    return write(
        principal=principal,
        operation=operation,
        kind=kind,
        action=action,
        input=input,
        output=output,
        success=success,
        error_message=error_message,
        duration_ms=duration_ms,
        task_id=task_id,
    )


def kind_at_work(principal: Principal) -> str:
    operation = consulted(principal).operation
    return operation.kind if operation else enforcement.GENERAL


def write(
    *,
    principal: Principal,
    operation: Operation | None,
    action: str,
    input: Any,
    created_at: datetime | None = None,
    **fields: Any,
) -> WorkRecord:
    """The row and its place in the search index, in the caller's transaction. Asks for no consultation."""
    made: WorkRecord = WorkRecord.objects.create(
        tenant_id=tenant_of(principal),
        operation=operation,
        agent_id=principal.agent_id,
        action=action,
        input=input,
        input_digest=work_digest(action, input),
        created_at=created_at or timezone.now(),
        **subject(principal, operation),
        **fields,
    )
    put([indexed(made)], principal=principal)
    return made


def subject(principal: Principal, operation: Operation | None = None) -> dict[str, str | None]:
    """Whose work it is: the named user's, else that of the named session, else that of the operation."""
    user, session = principal.named_user, principal.named_session
    if operation is not None:
        user, session = user or operation.user_id, session or operation.session_id
    if session and not user:
        rows = Session.objects.filter(tenant_id=tenant_of(principal), session_id=session)
        user = rows.values_list("user_id", flat=True).first()
    return {"user_id": user, "session_id": session}


def indexed(work: WorkRecord) -> Indexed:
    said = [work.action, context_text(work.input), wording.short(work.output), work.error_message or ""]
    return Indexed(
        id=work.pk,
        kind="work",
        tenant_id=work.tenant_id,
        user_id=work.user_id,
        session_id=work.session_id,
        agent_id=work.agent_id,
        category=work.kind,
        content="\n".join(text for text in said if text),
        version=1,
        event_at=work.created_at,
    )


# -- looking ---------------------------------------------------------------------------------------------


def of(
    principal: Principal,
    *,
    kind: str | None = None,
    task_id: str | None = None,
    agent_id: str | None = None,
    success: bool | None = None,
    operation_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[WorkRecord]:
    """What the caller may see of the history. None asks nothing; ``since`` ≤ time < ``until``."""
    wanted = {
        "kind": enforcement.canonical_kind(kind) if kind else None,
        "task_id": task_id,
        "agent_id": agent_id,
        "success": success,
        "operation_id": operation_id,
        "created_at__gte": since,
        "created_at__lt": until,
    }
    rows: QuerySet[WorkRecord] = WorkRecord.objects.visible_to(principal)
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def check(
    *,
    principal: Principal,
    task_id: str | None = None,
    action: str | None = None,
    input: Any = None,
    kind: str | None = None,
) -> Checked:
    """Whether this was done before: by its task id, by the same action with the same input, by likeness.

    The first of these that finds it done answers; else the first that finds it tried. Raises Invalid where
    neither ``task_id`` nor ``action`` says what is asked about.
    """
    principal.require("read")
    if not task_id and not action:
        raise Invalid("action", "Say what is to be done in 'action', or name its 'task_id'.")
    kind = enforcement.canonical_kind(kind) if kind else None
    like = similar(look(action, input, principal=principal), kind, principal=principal) if action else []
    return check_found(action, input, task_id, like, principal=principal)


def check_found(
    action: str | None, input: Any, task_id: str | None, like: Sequence[Similar], *, principal: Principal
) -> Checked:
    """As ``check``, where work like it was looked for already."""
    exact = checked_exactly(principal, task_id, action, input)
    alike = checked_alike(action or "", input, [one for one in like if not one.about])
    return alike if not exact.done and (alike.done or exact.by is None) else exact


def checked_exactly(principal: Principal, task_id: str | None, action: str | None, given: Any) -> Checked:
    reach = agent_reach(principal)
    found: list[tuple[By, dict[str, str]]] = []
    if task_id:
        found.append(("task_id", {"task_id": task_id}))
    if action:
        found.append(("input", {"input_digest": work_digest(action, given)}))
    answers = [answer_for(by, newest(reach, **named)) for by, named in found]
    tried = [answer for answer in answers if answer.by]
    return next((answer for answer in tried if answer.done), (tried or answers)[0])


def newest(principal: Principal, **named: str) -> list[WorkRecord]:
    with behind_walls(principal):
        return list(WorkRecord.objects.visible_to(principal).filter(**named).order_by("-created_at")[:MOST_RECORDS])


def answer_for(by: By, records: Sequence[WorkRecord], likeness: float | None = None) -> Checked:
    if not records:
        return Checked(done=False, by=None, says=NOTHING, records=[])
    good = next((record for record in records if record.success is not False), None)
    return Checked(good is not None, by, says(good or records[0], by), records, likeness)


def says(work: WorkRecord, by: By) -> str:
    """``Done yesterday (…) by deploy-bot, with success: version 3 is live.``"""
    what = {"similarity": f"Something like it, “{wording.short(work.action)}”, was "}.get(by, "")
    verb_ = "tried" if work.success is False else "done"
    told = wording.short(work.error_message if work.success is False else work.output)
    who = work.agent_id or "somebody"
    opening = f"{what}{verb_}" if what else verb_.capitalize()
    ending = f": {told.rstrip('.')}." if told else "."
    return f"{opening} {wording.when(work.created_at)} by {who}, {wording.ended(work.success)}{ending}"


def similar(looked: Sequence[Looked], kind: str | None, *, principal: Principal) -> list[Similar]:
    """Work like what was looked for, the most alike first; of equally alike ones the newest."""
    ids = {hit.id for one in looked for hit in one.of_kind("work")}
    reach = agent_reach(principal)
    with behind_walls(reach):
        rows = list(WorkRecord.objects.visible_to(reach).filter(pk__in=ids))
    found = [one for row in rows if (one := compared(row, looked, kind)).likeness >= LIKE_WORK]
    return sorted(found, key=lambda one: (-one.likeness, -one.record.created_at.timestamp()))


def compared(row: WorkRecord, looked: Sequence[Looked], kind: str | None) -> Similar:
    """How like the task it is; or, if that is little, how like a piece of its context."""
    alone = looked[0]
    same_kind = kind is None or row.kind == kind
    whole = Similar(row, task_likeness(alone.asked, row.action, alone.cosine_of(row.pk), same_kind=same_kind))
    if whole.likeness >= LIKE_WORK:
        return whole
    pieces = [piece for one in looked for piece in one.pieces]
    alike = [(task_likeness(piece, row.action, None, same_kind=False), piece) for piece in pieces]
    best, piece = max(alike, default=(0.0, ""))
    return Similar(row, best, piece) if best >= LIKE_PIECE else whole


def may_be_same(record: WorkRecord, action: str, given: Any) -> bool:
    """Not with another version, number or name in it, nor with another input."""
    other_input = given and record.input and normal(given) != normal(record.input)
    return not other_input and same_particulars(action, record.action)


def checked_alike(action: str, given: Any, found: Sequence[Similar]) -> Checked:
    same = [one for one in found if one.likeness >= SAME_WORK and may_be_same(one.record, action, given)]
    same.sort(key=lambda one: one.record.created_at, reverse=True)
    return answer_for("similarity", [one.record for one in same], max((one.likeness for one in same), default=None))


# -- showing ---------------------------------------------------------------------------------------------


def document(work: WorkRecord) -> dict[str, Any]:
    return {
        "id": str(work.pk),
        "action": work.action,
        "kind": work.kind,
        "task_id": work.task_id,
        "agent_id": work.agent_id,
        "success": work.success,
        "result": wording.short(work.output),
        "error_message": work.error_message,
        "duration_ms": work.duration_ms,
        "created_at": wording.stamp(work.created_at),
    }


def checked_document(found: Checked) -> dict[str, Any]:
    """``{"by", "says", "likeness", "records"}``: what was done before, the newest first."""
    shown = [document(record) for record in found.records[:MOST_SHOWN]]
    return {"by": found.by, "says": found.says, "likeness": found.likeness, "records": shown}
