"""What higher houses show on the page of an entry: this house knows nothing of conflicts or runs."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.safestring import SafeString

from memoryhub.registry.models import ContextEntry

#: HTML for the top of the page, or an empty text where there is nothing to say or the user may not see it.
Panel = Callable[[HttpRequest, ContextEntry], SafeString]
_panels: list[Panel] = []


def register(panel: Panel) -> None:
    """For the admin module of a higher house; registering again changes nothing."""
    if panel not in _panels:
        _panels.append(panel)


def of(request: HttpRequest, entry: ContextEntry) -> list[SafeString]:
    return [shown for panel in _panels if (shown := panel(request, entry))]
