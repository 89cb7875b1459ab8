"""What every endpoint says about itself in the OpenAPI schema: problems, pages, the common headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from memoryhub.access import consulting
from memoryhub.access.api.problems import MEDIA_TYPE
from memoryhub.access.api.serializers import ProblemOutput

#: What every authenticated endpoint may answer.
ALWAYS = (400, 401, 403, 413, 415, 429, 503)
MEANINGS = {
    400: "The request is not valid; `errors` names the fields.",
    401: "The API key is missing or not valid.",
    403: "The key may not do this.",
    404: "There is nothing here that the key may see.",
    409: "The state of the thing does not allow this; `code` says why.",
    412: "The version named in If-Match is not the current one.",
    413: "The body, or a value in it, is too large.",
    415: "The body is not application/json.",
    422: "The Idempotency-Key was used for another request.",
    428: "If-Match is missing, or a consultation is.",
    429: "Too many requests; wait as long as Retry-After says.",
    503: "The hub cannot answer right now; nothing was changed. Repeat after Retry-After.",
}

#: Of 428 where nothing else has to come first.
UNCONSULTED = "The tenant wants a consultation before anything is written: begin an operation first."

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    pattern="^[\\x21-\\x7e]{1,255}$",
    description="Makes the request safe to repeat for 24 hours: a repetition gets the first answer.",
)
ACTING_AGENT = OpenApiParameter(
    "X-Agent-Id",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    pattern="^\\S{1,200}$",
    description="The acting agent, for a key bound to none.",
)
CONSULTATION_TOKEN = OpenApiParameter(
    consulting.HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    pattern=f"^{consulting.PATTERN}$",
    description="From `operations/begin`: needed where the tenant wants consultations before anything is written.",
)
MOST_ROWS = settings.CONFIG.limits.page
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 50},
    description="Rows on a page; 50 if left out.",
)
CURSOR = OpenApiParameter("cursor", OpenApiTypes.STR, description="Where a page begins; part of `next`.")
PAGE_PARAMETERS = [LIMIT, CURSOR]


def problem_responses(*codes: int) -> dict[tuple[int, str], OpenApiResponse]:
    """``responses`` of ``@extend_schema`` for the problems an endpoint may answer: the usual ones and ``codes``."""
    return {(code, MEDIA_TYPE): problem(code) for code in sorted({*ALWAYS, *codes})}


def problem(code: int, meaning: str | None = None) -> OpenApiResponse:
    return OpenApiResponse(ProblemOutput, description=meaning or MEANINGS.get(code, HTTPStatus(code).phrase))


def page_of(item: type[serializers.Serializer[Any]], name: str | None = None) -> serializers.Serializer[Any]:
    """The answer of a list: ``{"success": true, "results": [item, …], "next": "<url or null>"}``."""
    return inline_serializer(
        name or f"{item.__name__.removesuffix('Output')}Page",
        {
            "success": serializers.BooleanField(default=True),
            "results": item(many=True),
            "next": serializers.URLField(allow_null=True, help_text="Address of the next page; null on the last."),
        },
    )


def example(name: str, value: Any, *, request: bool = False, summary: str = "") -> OpenApiExample:
    """An example of a request or of its answer."""
    return OpenApiExample(name, value, summary=summary or name, request_only=request, response_only=not request)
