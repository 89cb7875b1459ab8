"""What was done, when, by whom and how it ended, in words for whoever is about to do it again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.utils import timezone

from memoryhub.access.texts import absolute, relative

LONGEST_RESULT = 200
#: Fields of a result that say it in words, the first that is there.
TELLING = ("summary", "result", "message", "says", "text", "outcome", "status")


def when(moment: datetime, now: datetime | None = None) -> str:
    """``3 hours ago (21 Nov 2026, 06:40:07 UTC)``; the day before is ``yesterday``."""
    now = now or timezone.now()
    days = (timezone.localtime(now).date() - timezone.localtime(moment).date()).days
    said = "yesterday" if days == 1 else relative(moment, now)
    return f"{said} ({absolute(moment)} UTC)"


def stamp(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def ended(success: bool | None) -> str:
    return {True: "with success", False: "without success", None: "its outcome was not said"}[success]


def short(value: Any) -> str:
    """A result in at most 200 characters on one line; empty for none."""
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, dict):
        value = next((value[name] for name in TELLING if isinstance(value.get(name), str) and value[name]), value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_RESULT else f"{text[: LONGEST_RESULT - 1]}…"
