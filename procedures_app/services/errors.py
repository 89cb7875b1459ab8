"""Errors as agents met them: kept with their context, matched to a known problem, which they make where it is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.services.drafts import check_value
from procedures_app.models import CapturedError, Feedback, Knowledge, Operation
from procedures_app.services import keeping, problems
from procedures_app.services.drafting import bare, drafted
from procedures_app.services.knowledge import problem
from procedures_app.services.problems import ProblemMatch
from procedures_app.signatures import ErrorText

NEW = CapturedError.MatchedBy.NEW


@dataclass(frozen=True, slots=True)
class Recognized:
    """An error as it was read, when that was, and the known problem that it is likest; None where nothing is."""

    text: ErrorText
    match: ProblemMatch | None
    at: datetime

    @property
    def counts_for(self) -> UUID | None:
        """The known problem that it will count for; None where it makes one."""
        return self.match.knowledge.pk if self.match is not None and is_sure(self.match) else None


@dataclass(frozen=True, slots=True)
class ErrorCaptured:
    """``match``: the likeliest known problem, with its solutions; None where nothing is like it. ``error.knowledge``
    is the problem that the error counts for: a new one where the match is not sure enough."""

    error: CapturedError
    match: ProblemMatch | None


def capture(
    *,
    principal: Principal,
    message: str,
    error_type: str = "",
    context: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
    known: Recognized | None = None,
) -> ErrorCaptured:
    """Keeps an error and what it was doing, and says what is known of it. Needs ``write``.

    It counts for the problem with its signature, or for one that it is with ``procedures.confident`` confidence;
    else it makes a problem, the tenant's, which holds its masked template only. ``known``: what ``recognized`` said
    of it, for callers who hold rows now. Raises Invalid, TooLarge.
    """
    principal.require("write")
    check_context(context)
    # before the transaction: a model at work holds no rows
    known = known or recognized(message, error_type, principal=principal)
    with behind_walls(principal):
        user, session = keeping.whose(principal)
        counted, told = settled(known.text, known.match, principal)
        error = CapturedError(
            tenant_id=keeping.tenant_of(principal),
            user_id=user,
            session_id=session,
            agent_id=principal.agent_id,
            operation=operation,
            message=message,
            context=dict(context or {}),
            created_at=known.at,
        )
        return ErrorCaptured(kept(error, known.text, counted, told), told)


def recognized(message: str, error_type: str = "", *, principal: Principal) -> Recognized:
    """Which known problem an error is, as ``capture`` asks it; nothing is written. Raises Invalid, TooLarge."""
    text = problems.read(message, error_type)
    with behind_walls(principal):
        user, _ = keeping.whose(principal)
    # who sees every user's problems still ties an error to none that its readers do not see
    readable = Q(user_id__isnull=True) | Q(user_id=user)
    match = next(iter(problems.match_text(text, principal=principal, limit=1, among=readable)), None)
    return Recognized(text, match, timezone.now())


@verb
def capture_in(operation_id: UUID | None, *, principal: Principal, **said: Any) -> ErrorCaptured:
    """``capture`` in the operation with this id. Raises NotFound."""
    operation = None
    if operation_id is not None:
        operation = Operation.objects.visible_to(principal).filter(pk=operation_id).first()
        if operation is None:
            raise NotFound("There is no such operation here.")
    return capture(principal=principal, operation=operation, **said)


def check_context(context: Mapping[str, Any] | None) -> None:
    if context is not None:
        if not isinstance(context, Mapping):
            raise Invalid("context", "The context is an object.")
        check_value(dict(context), "context")


def kept(error: CapturedError, text: ErrorText, counted: Knowledge, match: ProblemMatch | None) -> CapturedError:
    """Writes the error with what is known of it."""
    error.error_type, error.signature, error.knowledge = text.error_type, text.signature, counted
    if match is not None:
        error.matched_by = match.matched_by if match.knowledge.pk == counted.pk else NEW
        error.confidence = match.confidence
        error.solution = next(iter(match.solutions), None)
    error.save(force_insert=True)
    return error


def settled(text: ErrorText, match: ProblemMatch | None, principal: Principal) -> tuple[Knowledge, ProblemMatch | None]:
    """The problem that it counts for, with the occurrence counted, and the match that is told."""
    if match is not None and is_sure(match) and count(match.knowledge):
        return match.knowledge, match
    new = drafted({"knowledge_type": Knowledge.Type.ERROR_PATTERN}, principal=principal)
    bare(new, text)
    found = problem(new, "", principal, reason="An error was captured.")
    if found.created:
        return found.knowledge, match
    # somebody else was faster with the same error
    [twin] = problems.matched([found.knowledge], text, {}, found.knowledge)
    return found.knowledge, twin


def is_sure(match: ProblemMatch) -> bool:
    return match.matched_by == problems.SIGNATURE or match.confidence >= settings.CONFIG.procedures.confident


def count(knowledge: Knowledge) -> bool:
    """Whether it was still there to be counted for."""
    active = Knowledge.objects.filter(pk=knowledge.pk, status=Knowledge.Status.ACTIVE)
    return bool(active.update(occurrences=F("occurrences") + 1))


# -- reading and purging ------------------------------------------------------------------------------


def of(
    *,
    principal: Principal,
    error_type: str | None = None,
    knowledge_id: UUID | None = None,
    agent_id: str | None = None,
    solved: bool | None = None,
) -> QuerySet[CapturedError]:
    """The errors that the caller may see."""
    rows: QuerySet[CapturedError] = CapturedError.objects.visible_to(principal)
    asked = {"error_type": error_type, "knowledge_id": knowledge_id, "agent_id": agent_id, "solved": solved}
    return rows.filter(**{name: value for name, value in asked.items() if value is not None})


@verb
def get(error_id: UUID, *, principal: Principal) -> CapturedError:
    """Raises NotFound."""
    principal.require("read")
    error = of(principal=principal).filter(pk=error_id).first()
    if error is None:
        raise NotFound("There is no such error here.")
    return error


@verb
def with_problem(error_id: UUID, *, principal: Principal) -> tuple[CapturedError, Knowledge | None]:
    """The error and the problem that it counts for, as far as the caller sees that. Raises NotFound."""
    error = get(error_id, principal=principal)
    return error, keeping.visible(principal).filter(pk=error.knowledge_id).first() if error.knowledge_id else None


def purge(*, principal: Principal, limit: int) -> int:
    """Deletes up to ``limit`` errors older than ``procedures.error_days``; the number. What was learned stays."""
    with behind_walls(principal):
        end = timezone.now() - timedelta(days=settings.CONFIG.procedures.error_days)
        due = CapturedError.objects.visible_to(principal).filter(created_at__lt=end)
        chosen = list(due.order_by("created_at").values_list("pk", flat=True)[:limit])
        # what was said about several errors of one operation counts as it did, but is of the operation no more
        Feedback.objects.filter(error__in=chosen).update(error=None, operation=None)
        return int(CapturedError.objects.filter(pk__in=chosen).delete()[0])
