"""What an operation that ends teaches: the error that it met, and whether the solution that was recommended helped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from procedures_app.models import CapturedError, Operation, Solution
from procedures_app.services import errors, keeping, solutions


def give_feedback(operation: Operation, worked: bool | None, *, principal: Principal) -> Solution | None:
    """Counts whether the recommended solution helped; None where nothing was said, or it is no longer there.

    Raises Invalid where none was recommended.
    """
    if worked is None:
        return None
    solution_id, error_id = recommended(operation)
    if solution_id is None:
        raise Invalid("solution_worked", "No solution was recommended to this operation. Leave solution_worked out.")
    rows = Solution.objects.filter(pk=solution_id, knowledge__in=keeping.visible(principal))
    if not rows.exists():  # merged away or erased since
        return None
    return solutions.feedback(
        solution_id, principal=principal, worked=worked, error_id=error_id, operation_id=operation.pk
    )


def recommended(operation: Operation) -> tuple[UUID | None, UUID | None]:
    """The solution, and the error that it was for: of the newest error met on the way, else of the guidance."""
    met = operation.captured_errors.filter(solution__isnull=False, solved=None).order_by("-created_at").first()
    if met is not None:
        return met.solution_id, met.pk
    told = [operation.guidance.get("primary_recommendation") or {}, *operation.guidance.get("known_solutions", [])]
    return next((UUID(one["solution"]) for one in told if one.get("solution")), None), None


def recognized(error: dict[str, Any], *, principal: Principal) -> errors.Recognized:
    """What is known of an error, for ``capture``. Raises Invalid, TooLarge."""
    return errors.recognized(error["message"], error.get("type") or "", principal=principal)


def hold(operation: Operation, worked: bool | None, known: errors.Recognized | None, *, principal: Principal) -> None:
    """Locks at once what feedback and the error are about: two that end with each other's would wait for each other."""
    solution_id, _ = (None, None) if worked is None else recommended(operation)
    tried = Solution.objects.filter(pk__in=[solution_id] if solution_id else [])
    counted = known.counts_for if known else None
    keeping.lock_all([*tried.values_list("knowledge_id", flat=True), counted], principal)


def capture(
    operation: Operation, error: dict[str, Any] | None, known: errors.Recognized | None, *, principal: Principal
) -> CapturedError | None:
    """``error`` is None or ``{"message", "type", "context"}``. Raises Invalid, TooLarge."""
    if error is None:
        return None
    captured = errors.capture(
        principal=principal,
        message=error["message"],
        error_type=error.get("type") or "",
        context=error.get("context"),
        operation=operation,
        known=known,
    )
    return captured.error


def known_solution(error: CapturedError | None, *, principal: Principal) -> str:
    """What is known to solve the error, where the caller may see that; else empty."""
    if error is None or error.solution_id is None:
        return ""
    rows = Solution.objects.filter(pk=error.solution_id, knowledge__in=keeping.visible(principal))
    return rows.values_list("text", flat=True).first() or ""


def captured_before(operation: Operation) -> CapturedError | None:
    """The error that was said when the operation was finished."""
    found: CapturedError | None = (
        operation.captured_errors.filter(message=operation.error_message).order_by("-created_at", "-id").first()
    )
    return found
