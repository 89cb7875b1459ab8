"""What the session endpoints say about themselves in the OpenAPI schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema

from memoryhub.access.api.schema import ACTING_AGENT, IDEMPOTENCY_KEY, example, problem_responses


def describe(
    operation_id: str,
    *,
    answer: Any,
    takes: Any = None,
    query: Any = None,
    errors: tuple[int, ...] = (),
    sent: Any = None,
    answered: Any = None,
) -> Callable[[Any], Any]:
    """``extend_schema`` for a view method: ``takes`` a body or a ``query``; ``errors`` beside the usual ones.

    ``sent`` and ``answered`` are examples. A method that takes a body writes: it honors Idempotency-Key.
    """
    writes = takes is not None
    examples: list[OpenApiExample] = []
    if sent is not None:
        examples.append(example("Request", sent, request=True))
    if answered is not None:
        examples.append(example("Answer", answered))
    return extend_schema(
        operation_id=operation_id,
        request=takes,
        parameters=[query] if query else [IDEMPOTENCY_KEY, ACTING_AGENT] if writes else [],
        responses={(200, "application/json"): answer, **problem_responses(*errors)},
        examples=examples,
        tags=["session"],
    )
