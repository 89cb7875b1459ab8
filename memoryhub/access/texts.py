"""Showing what agents wrote: as data, never as markup, and with nothing hidden in it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

PLAIN_CONTROLS = "\r\n\t"
#: Letters that draw nothing, though their Unicode category says letter.
INVISIBLE_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
JOINER = "\u200d"
#: Tags, and elements whose content is no markup.
MARKUP = re.compile(r"<(textarea|script|style|title)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
#: What may be hidden: cheap to look for in a page that has none of it.
MAYBE_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
#: String (with the colon after a name), number, literal.
JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b')
#: Longest text shown in one piece; the page says what it left out.
LONGEST = 300_000
NOTHING = "—"


def hidden(character: str, before: str) -> bool:
    """Whether a character is invisible or changes the direction of what follows."""
    if character in PLAIN_CONTROLS:
        return False
    if character == JOINER:
        # joins emoji into one picture; elsewhere it only hides
        return not before or unicodedata.category(before) not in ("So", "Sk", "Mn")
    return character in INVISIBLE_LETTERS or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def marker(character: str) -> str:
    name = unicodedata.name(character, "control character").lower()
    return f'<span class="hub-hidden" title="{escape(name)}">{code_of(character)}</span>'


def visible_parts(text: str) -> Iterator[str]:
    start, before = 0, ""
    for index, character in enumerate(text):
        if not (character.isascii() and character.isprintable()) and hidden(character, before):
            yield escape(text[start:index])
            yield marker(character)
            start = index + 1
        before = character
    yield escape(text[start:])


def visible(text: object) -> SafeString:
    """HTML of a text in which control, zero-width and direction characters are written out."""
    return mark_safe("".join(visible_parts(str(text))))  # noqa: S308 - every part is escaped above


def revealed(html: str) -> str:
    """A whole page with the hidden characters of its texts written out; tags and text areas stay as they are."""
    if not MAYBE_HIDDEN.search(html):
        return html
    parts, end = [], 0
    for markup in MARKUP.finditer(html):
        kept = spelled_out(markup.group()) if markup.group(1) == "title" else markup.group()
        parts += [reveal_text(html[end : markup.start()]), kept]
        end = markup.end()
    return "".join([*parts, reveal_text(html[end:])])


def reveal_text(text: str) -> str:
    parts, before = [], ""
    for character in text:
        parts.append(marker(character) if hidden(character, before) else character)
        before = character
    return "".join(parts)


def spelled_out(text: str) -> str:
    """The same for where no HTML can be, such as a window's title: hidden characters as ``U+200B``."""
    characters = (code_of(c) if hidden(c, b) else c for b, c in zip(["", *text], text, strict=False))
    return "".join(characters)


def code_of(character: str) -> str:
    return f"U+{ord(character):04X}"


def pretty_json(value: Any) -> str:
    """A JSON value over several lines, keys in their own order."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def highlighted(text: str) -> SafeString:
    """HTML of a JSON text with names, texts, numbers and literals told apart."""
    parts: list[str] = []
    end = 0
    for found in JSON_TOKEN.finditer(text):
        parts.append(visible(text[end : found.start()]))
        parts.append(f'<span class="hub-{kind_of(found)}">{visible(found.group())}</span>')
        end = found.end()
    parts.append(visible(text[end:]))
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped above


def kind_of(token: re.Match[str]) -> str:
    if token.group(1) is not None:
        return "name"
    return {'"': "text", "t": "literal", "f": "literal", "n": "literal"}.get(token.group()[0], "number")


def json_html(value: Any) -> SafeString:
    """HTML of a value as formatted JSON; of its beginning where it is very long."""
    text = pretty_json(value)
    if len(text) <= LONGEST:
        return highlighted(text)
    note = f"\n… {len(text) - LONGEST:,} more characters"
    return format_html('{}<span class="hub-subtle">{}</span>', visible(text[:LONGEST]), note)


# -- times --------------------------------------------------------------------------------------------

UNITS = (
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=7), "week"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def span_words(span: timedelta) -> str:
    """``3 hours``; below a minute ``12 s``."""
    for unit, name in UNITS:
        if span >= unit:
            number = max(1, round(span / unit))
            return f"{number} {name}{'' if number == 1 else 's'}"
    return f"{max(0, int(span.total_seconds()))} s"


def relative(moment: datetime, now: datetime | None = None) -> str:
    """``3 hours ago``, ``in 2 days``, ``just now``."""
    distance = (now or timezone.now()) - moment
    if abs(distance) < timedelta(seconds=10):
        return "just now"
    return f"{span_words(distance)} ago" if distance > timedelta(0) else f"in {span_words(-distance)}"


def absolute(moment: datetime) -> str:
    """``21 Nov 2026, 06:40:07`` in the hub's time zone, UTC."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M:%S}"


def moment_html(moment: datetime | None, empty: str = NOTHING) -> SafeString:
    """Relative time with the absolute one below it."""
    if moment is None:
        return format_html('<span class="hub-subtle">{}</span>', empty)
    return format_html(
        '<time class="hub-time" datetime="{}">{}<span class="hub-time-exact">{} UTC</span></time>',
        moment.isoformat(),
        relative(moment),
        absolute(moment),
    )
