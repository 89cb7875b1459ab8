"""How search results that are messages are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef

from memoryhub.access.principals import Principal
from memoryhub.search.models import IndexRow
from sessions_app.models import Message

SHOWN = ("sequence", "role", "name", "content", "metadata", "at")


def messages(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones of these messages, with the session that they belong to."""
    visible = Exists(IndexRow.objects.visible_to(principal).filter(pk=OuterRef("pk")))
    found = Message.objects.visible_to(principal).filter(visible, pk__in=ids)
    rows = found.values("pk", *SHOWN, named_session=F("session__session_id"))
    return {row["pk"]: {"session_id": row["named_session"], **{name: row[name] for name in SHOWN}} for row in rows}
