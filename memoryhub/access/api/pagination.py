"""Lists by cursor: a page begins after the last row of the one before, however the list grows meanwhile.

A cursor is opaque and signed. It holds the position alone, and works for the tenant, the address and
the filters that it was made for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.serializers import Input
from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls

M = TypeVar("M", bound=Model)
Row = Any
DEFAULT_LIMIT = 50
NEWEST_FIRST = ("-created_at", "-id")
SALT = "memoryhub.cursor"


class PageQuery(Input):
    """Query string of a list; subclass it with the filters. ``limit`` rows a page, from ``cursor`` on."""

    limit = serializers.IntegerField(
        min_value=1, max_value=settings.CONFIG.limits.page, default=DEFAULT_LIMIT, help_text="Rows on a page."
    )
    cursor = serializers.CharField(
        max_length=2000, required=False, help_text="Where the page begins; part of `next` of the page before."
    )


def page(
    request: Request,
    rows: QuerySet[M, Any],
    *,
    principal: Principal,
    query: dict[str, Any],
    render: Callable[[Sequence[Any]], list[dict[str, Any]]],
    order: tuple[str, ...] = NEWEST_FIRST,
) -> Response:
    """One page: ``{"success": true, "results": […], "next": "<url or null>"}``.

    ``rows`` is read and rendered behind the principal's walls. ``query`` is a validated PageQuery.
    ``order`` names fields that are never NULL, all ascending or all descending, and unique together.
    """
    limit = query.get("limit", DEFAULT_LIMIT)
    with behind_walls(principal):
        found = list(following(rows, order, position(request, principal, query, order)).order_by(*order)[: limit + 1])
        results = render(found[:limit])
    onward = address_after(request, principal, order, found[limit - 1]) if len(found) > limit else None
    return Response({"success": True, "results": results, "next": onward})


def following(rows: QuerySet[M, Any], order: tuple[str, ...], after: list[Any] | None) -> QuerySet[M, Any]:
    """The rows after a position: (a, b) > (x, y), written so that an index on (a, b) serves it."""
    if after is None:
        return rows
    names = [name.lstrip("-") for name in order]
    beyond = "lt" if order[0].startswith("-") else "gt"
    steps = [
        Q(**dict(zip(names[:depth], after, strict=False)), **{f"{name}__{beyond}": after[depth]})
        for depth, name in enumerate(names)
    ]
    try:
        return rows.filter(Q(**{f"{names[0]}__{beyond}e": after[0]}) & reduce(or_, steps))
    except (ValueError, TypeError) as error:
        raise foreign_cursor() from error


def position(request: Request, principal: Principal, query: dict[str, Any], order: tuple[str, ...]) -> list[Any] | None:
    cursor = query.get("cursor")
    if not cursor:
        return None
    try:
        made_for, values = Signer(salt=SALT).unsign_object(cursor)
    except (BadSignature, ValueError) as error:
        raise foreign_cursor() from error
    if made_for != purpose(request, principal, order):
        raise foreign_cursor()
    return list(values)


def foreign_cursor() -> Invalid:
    return Invalid("cursor", "This cursor was not made for this list. Take 'next' of a page of it, or leave it out.")


def purpose(request: Request, principal: Principal, order: tuple[str, ...]) -> str:
    """What a cursor is good for: this tenant's list at this address, with these filters in this order."""
    filters = sorted((name, value) for name, value in request.query_params.items() if name not in ("limit", "cursor"))
    text = repr((principal.tenant_id, request.path, filters, order))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def address_after(request: Request, principal: Principal, order: tuple[str, ...], last: Row) -> str:
    values = [shown(last, name.lstrip("-")) for name in order]
    query = request.query_params.copy()
    query["cursor"] = Signer(salt=SALT).sign_object((purpose(request, principal, order), values), compress=True)
    return str(request.build_absolute_uri(f"{request.path}?{query.urlencode()}"))


def shown(row: Row, name: str) -> Any:
    value = row[name] if isinstance(row, dict) else getattr(row, name)
    return value if isinstance(value, int) else str(value)
