"""How search results that are messages are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from memoryhub.access.principals import Principal
from memoryhub.search import presenters
from memoryhub.search.models import IndexRow
from sessions_app.models import Message

SHOWN = ("session_id", "sequence", "role", "name", "content", "at")
COLUMNS = ("session__session_id", *SHOWN[1:], "metadata")


def messages(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The visible ones of these messages, with the session that they belong to."""
    visible = Exists(IndexRow.objects.visible_to(principal).filter(pk=OuterRef("pk")))
    found = Message.objects.visible_to(principal).filter(visible, pk__in=ids)
    rows = presenters.rows(found.order_by().values_list("pk", *COLUMNS), principal)
    return {
        id_: dict(zip(SHOWN, values, strict=True)) | {"metadata": json.loads(metadata)}
        for id_, *values, metadata in rows
    }
