"""Every address and method of the API, read from Django's URL configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from memoryhub.access.api.views import HubView

PREFIX = "memory/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """``path`` is like ``context/{entry_id}``, below ``/memory/``."""

    method: str
    path: str
    view: type[Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return self.permission != "read"

    @property
    def permission(self) -> str:
        return str(self.view().needed_permission(self.method))

    @property
    def takes_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def public(self) -> bool:
        return not self.view.permission_classes


@cache
def api_routes() -> tuple[Route, ...]:
    """All of them, sorted by address."""
    found = [route for path, view in addresses(get_resolver(), "") for route in routes_of(path, view)]
    return tuple(sorted(found, key=lambda route: (route.path, route.method)))


def addresses(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, type[Any]]]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if path.startswith(PREFIX[: len(path)]):
                yield from addresses(pattern, path)
        elif isinstance(pattern, URLPattern) and path.startswith(PREFIX):
            yield path, view_of(pattern)


def view_of(pattern: URLPattern) -> type[Any]:
    view: type[Any] = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls")  # noqa: B009
    assert issubclass(view, HubView), f"{pattern}: every address of the API is a HubView"
    return view


def routes_of(path: str, view: type[Any]) -> Iterator[Route]:
    plain = PARAMETER.sub(r"{\1}", path.removeprefix(PREFIX))
    for method in METHODS:
        if method.lower() in view.http_method_names and hasattr(view, method.lower()):
            yield Route(method, plain, view)
