"""Cells of lists and fields of pages, as HTML: times, ids, agent-written text and JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from memoryhub.access import texts


def moment_cell(at: datetime | None, empty: str = texts.NOTHING) -> SafeString:
    return texts.moment_html(at, empty)


def text_cell(text: object, limit: int = 80) -> SafeString:
    """One line of agent-written text."""
    line = " ".join(str(text or "").split())
    cut = line[:limit] + ("…" if len(line) > limit else "")
    return format_html('<span class="hub-cell-text" dir="auto">{}</span>', texts.visible(cut))


def prose_cell(text: object, empty: str = texts.NOTHING) -> SafeString:
    """A whole text over several lines, on a detail page."""
    if not text:
        return subtle(empty)
    return format_html('<div class="hub-prose" dir="auto" x-ignore>{}</div>', texts.visible(str(text)[: texts.LONGEST]))


def code_cell(text: object) -> SafeString:
    """An id or key."""
    return format_html('<span class="hub-code">{}</span>', texts.visible(text)) if text else subtle(texts.NOTHING)


def subtle(text: object) -> SafeString:
    return format_html('<span class="hub-subtle">{}</span>', text)


def json_cell(value: Any) -> SafeString:
    """A value on a detail page. ``x-ignore``: Alpine leaves alone what stands in it."""
    return format_html('<pre class="hub-json" x-ignore tabindex="0">{}</pre>', texts.json_html(value))
