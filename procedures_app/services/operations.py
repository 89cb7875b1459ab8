"""Operations: begun, when memory is consulted, and finished, when what came of it is learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.services.drafts import check_value
from procedures_app import wording
from procedures_app.digests import normal, operation_digest
from procedures_app.exceptions import OperationEnded
from procedures_app.models import CapturedError, Operation, Solution, WorkRecord
from procedures_app.services import enforcement, errors, guidance, outcomes, work
from procedures_app.services.consultations import Hold, digest_of, is_holder, new_token, proven
from procedures_app.services.governing import may_govern
from sessions_app.services.finding import tenant_of
from sessions_app.services.sweeping import one_by_one

Status = Operation.Status
#: In milliseconds: what the history holds, about 24 days.
LONGEST_DURATION = 2**31 - 1
OUT_OF_TIME = "It was not finished in time."


@dataclass(frozen=True, slots=True)
class Begun:
    """``token`` is shown this once; ``guidance`` is as ``guidance.contextual`` gives it."""

    operation: Operation
    token: str
    guidance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """``captured`` is the error that was said, ``solution`` the one that feedback was given on, if they were.

    ``known_solution``: what solves the error, in words, as far as the caller may know.
    """

    operation: Operation
    work: WorkRecord
    captured: CapturedError | None
    solution: Solution | None = None
    known_solution: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a caller says came of its work. ``error`` is None or ``{"message", "type", "context"}``."""

    success: bool
    result: Any
    error: dict[str, Any] | None
    duration_ms: int | None
    solution_worked: bool | None


# -- begin ------------------------------------------------------------------------------------------------


@verb
def begin(
    *,
    principal: Principal,
    task: str,
    kind: str = enforcement.GENERAL,
    context: Any = None,
    task_id: str | None = None,
) -> Begun:
    """Consults memory for a task and opens an operation, whose token is good for ``procedures.consultation_minutes``.

    Raises Invalid, TooLarge, ScopeMissing without ``read`` and ``write``.
    """
    principal.require("write")
    check_value(context, "context")
    kind = enforcement.canonical_kind(kind)
    asker = reader_of_all(principal=principal)
    advice = guidance.contextual(task, principal=asker, kind=kind, context=context, task_id=task_id)
    return opened(principal=principal, task=task.strip(), kind=kind, context=context, task_id=task_id, advice=advice)


@verb
def reader_of_all(*, principal: Principal) -> Principal:
    """Who is asked for: where it is not known whose the session is, the operation and what was told is for all of the
    tenant to read; so nothing is told that is not. Else the caller.
    """
    named = principal.named_session is not None and principal.named_user is None
    if named and work.subject(principal)["user_id"] is None:
        return replace(principal, named_session=None)
    return principal


@verb
def opened(
    *, principal: Principal, task: str, kind: str, context: Any, task_id: str | None, advice: dict[str, Any]
) -> Begun:
    operation_id, now = new_id(), timezone.now()
    token = new_token(operation_id)
    advised = advice["primary_recommendation"] or {}
    operation: Operation = Operation.objects.create(
        pk=operation_id,
        tenant_id=tenant_of(principal),
        agent_id=principal.agent_id,
        key_id=principal.key_id,
        task_id=task_id,
        kind=kind,
        task=task,
        context={} if context is None else context,
        input_digest=operation_digest(kind, task, context),
        mode=enforcement.mode_of(kind, principal=principal),
        token_digest=digest_of(token),
        guidance=advice,
        confidence=advice["confidence"],
        procedure=advised["name"] if advised.get("type") == "procedure" else "",
        procedure_required=advised.get("required", False),
        begun_at=now,
        expires_at=now + timedelta(minutes=settings.CONFIG.procedures.consultation_minutes),
        **work.subject(principal),
    )
    return Begun(operation, token, advice)


# -- finish -----------------------------------------------------------------------------------------------


def finish(
    token: str,
    *,
    principal: Principal,
    success: bool,
    result: Any = None,
    error: str | dict[str, Any] | None = None,
    duration_ms: int | None = None,
    solution_worked: bool | None = None,
) -> Finished:
    """Ends the operation of a token: its work goes into the history, its error is captured, feedback is given.

    ``error`` is a message, or ``{"message", "type", "context"}``; ``duration_ms`` is the time since it began where
    it is not said. The same said again answers the same. Raises NotFound for a token that the caller was not given,
    OperationEnded for one that ended otherwise or expired, ProcedureRequired for success without the run that a rule
    demands, Invalid, TooLarge.
    """
    principal.require("write")
    check_value([result, error], "result and error")
    outcome = Outcome(success, result, as_error(error), duration_ms, solution_worked)
    return finished(token, outcome, known_of(token, outcome, principal), principal=principal)


def known_of(token: str, outcome: Outcome, principal: Principal) -> errors.Recognized | None:
    """What is known of the error that is said: before the operation is held, because a model may be at work on it."""
    if outcome.error is None:
        return None
    operation = of_token(token, principal)
    if operation.status != Status.BEGUN:
        return None
    return outcomes.recognized(outcome.error, principal=about(operation, principal))


@verb
def finished(token: str, outcome: Outcome, known: errors.Recognized | None, *, principal: Principal) -> Finished:
    operation = of_token(token, principal, hold="alone")
    caller = about(operation, principal)
    if operation.status != Status.BEGUN:
        return said_again(operation, outcome, caller)
    if not operation.is_current:  # type: ignore[attr-defined]
        raise OperationEnded(f"This operation expired {wording.when(operation.expires_at)}. Begin a new one.")
    if outcome.success:
        enforcement.require_run(operation.kind, operation, principal=principal)
    return ended(operation, outcome, known, caller)


def about(operation: Operation, principal: Principal) -> Principal:
    """The caller, naming whom and which session the operation is about."""
    return principal.naming(user_id=operation.user_id, session_id=operation.session_id)


def of_token(token: str, principal: Principal, hold: Hold = "") -> Operation:
    """The operation of a token that was given to this caller; held ``alone``, nobody else ends it now."""
    known = proven(token, principal=principal, hold=hold)
    if known is None or not is_holder(known, principal):
        raise NotFound("No operation of yours has this token. Begin one, as the same agent with the same key.")
    return known


def as_error(error: str | dict[str, Any] | None) -> dict[str, Any] | None:
    said = {"message": error} if isinstance(error, str) else error
    if said is None:
        return None
    if not isinstance(said.get("message"), str):
        raise Invalid("error.message", "Say what went wrong, as a text.")
    return said if said["message"].strip() else None


def ended(operation: Operation, outcome: Outcome, known: errors.Recognized | None, caller: Principal) -> Finished:
    now = timezone.now()
    message = (outcome.error or {}).get("message", "")
    outcomes.hold(operation, outcome.solution_worked, known, principal=caller)
    # what was recommended before, not what is known of the error that is said now
    solution = outcomes.give_feedback(operation, outcome.solution_worked, principal=caller)
    captured = outcomes.capture(operation, outcome.error, known, principal=caller)
    close(
        operation,
        Status.SUCCEEDED if outcome.success else Status.FAILED,
        now,
        result=outcome.result,
        error_message=message,
        duration_ms=milliseconds(operation, now) if outcome.duration_ms is None else outcome.duration_ms,
    )
    done = work.write(
        principal=caller,
        operation=operation,
        kind=operation.kind,
        action=operation.task,
        input=operation.context or None,
        output=outcome.result,
        success=outcome.success,
        error_message=message or None,
        duration_ms=operation.duration_ms,
        task_id=operation.task_id,
        created_at=now,
    )
    return Finished(operation, done, captured, solution, outcomes.known_solution(captured, principal=caller))


def close(operation: Operation, status: Status, at: datetime, **fields: Any) -> None:
    operation.status, operation.finished_at = status, at
    for name, value in fields.items():
        setattr(operation, name, value)
    operation.save(update_fields=["status", "finished_at", *fields])


def milliseconds(operation: Operation, now: datetime) -> int:
    return max(0, round((now - operation.begun_at) / timedelta(milliseconds=1)))


def said_again(operation: Operation, outcome: Outcome, caller: Principal) -> Finished:
    """What was answered the first time, if it is the same outcome."""
    before = (operation.status, normal(operation.result), operation.error_message)
    message = (outcome.error or {}).get("message", "")
    if before != (Status.SUCCEEDED if outcome.success else Status.FAILED, normal(outcome.result), message):
        when = wording.when(operation.finished_at or operation.expires_at)
        raise OperationEnded(f"This operation was {operation.status} {when}; its outcome stays. Begin a new one.")
    done = operation.work.get(created_at=cast("datetime", operation.finished_at))
    captured = outcomes.captured_before(operation) if message else None
    return Finished(operation, done, captured, known_solution=outcomes.known_solution(captured, principal=caller))


# -- abandon, expire --------------------------------------------------------------------------------------


@verb
def abandon(operation_id: UUID, *, principal: Principal, reason: str = "") -> Operation:
    """Ends an operation without an outcome: its token is good for nothing more. Repeating it changes nothing.

    For the agent or key that began it, and for governors. Raises NotFound, Forbidden, OperationEnded.
    """
    principal.require("write")
    rows: QuerySet[Operation] = of(principal).select_for_update(no_key=True, of=("self",))
    operation = rows.filter(pk=operation_id).first()
    if operation is None:
        raise NotFound()
    if not (is_own(operation, principal) or may_govern(principal)):
        raise Forbidden("Another agent began this operation. Its own key or an admin's abandons it.", code="not_yours")
    if operation.status in (Status.SUCCEEDED, Status.FAILED):
        raise OperationEnded()
    if operation.status == Status.BEGUN:
        close(operation, Status.ABANDONED, timezone.now(), error_message=reason)
        if not is_own(operation, principal):
            record_abandoned(operation, principal, reason)
    return operation


def record_abandoned(operation: Operation, principal: Principal, reason: str) -> None:
    """What somebody else ends goes on record."""
    audit.record(
        "procedures.operation.abandoned",
        principal=principal,
        tenant_id=operation.tenant_id,
        object_type="operation",
        object_id=operation.pk,
        old={"agent_id": operation.agent_id, "task": operation.task[:200]},
        reason=reason,
    )


def is_own(operation: Operation, principal: Principal) -> bool:
    """As for its token; and an agent whose key was changed meanwhile still ends what it began."""
    return is_holder(operation, principal) or (
        principal.agent_id is not None and operation.agent_id == principal.agent_id
    )


def expire(*, principal: Principal, limit: int) -> dict[str, int]:
    """Abandons up to ``limit`` operations that were not finished in time."""
    with behind_walls(principal):
        found = list(outlived(principal).order_by("expires_at").values_list("pk", "tenant_id")[:limit])
    return one_by_one(found, lambda operation, caller: expire_one(operation, principal=caller), principal)


def outlived(principal: Principal) -> QuerySet[Operation]:
    return of(principal).filter(status=Status.BEGUN, expires_at__lte=timezone.now())


@verb
def expire_one(operation_id: UUID, *, principal: Principal) -> bool:
    rows = outlived(principal).select_for_update(no_key=True, skip_locked=True, of=("self",))
    operation = rows.filter(pk=operation_id).first()
    if operation is None:
        return False
    close(operation, Status.ABANDONED, timezone.now(), error_message=OUT_OF_TIME)
    return True


# -- looking ----------------------------------------------------------------------------------------------


def of(
    principal: Principal,
    *,
    kind: str | None = None,
    status: str | None = None,
    agent_id: str | None = None,
    task_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Operation]:
    """The operations that the caller may see. None asks nothing; ``since`` ≤ begun < ``until``."""
    wanted = {
        "kind": enforcement.canonical_kind(kind) if kind else None,
        "status": status,
        "agent_id": agent_id,
        "task_id": task_id,
        "begun_at__gte": since,
        "begun_at__lt": until,
    }
    rows: QuerySet[Operation] = Operation.objects.visible_to(principal)
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


@verb
def find(operation_id: UUID, *, principal: Principal) -> Operation:
    """One operation that the caller may see; NotFound."""
    principal.require("read")
    found: Operation | None = of(principal).filter(pk=operation_id).first()
    if found is None:
        raise NotFound()
    return found
