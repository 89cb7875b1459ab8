"""The conversation store: keeps the index rows of messages equal to the messages.

Appending writes the index rows in its own transaction, so there is nothing to do for it but to look.
What changes for a whole session (archived, restored, another user) is marked on the session as
``projection_due`` and done here, off the request's path, whichever delivery comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import Problem
from sessions_app.services import changes
from sessions_app.services.changes import TOPIC

NAME = "conversation"

INSERT_MISSING = """
INSERT INTO memory_search_index
  (id, kind, tenant_id, scope, user_id, session_id, tags, author, sequence, event_at, created_at, version, content,
   archived)
SELECT m.id, 'message', s.tenant_id, CASE WHEN s.user_id IS NULL THEN 'tenant' ELSE 'user' END, s.user_id,
       s.session_id, '{}', coalesce(m.name, m.role), m.sequence, m.at, m.created_at, 1, m.content,
       s.status = 'archived'
FROM memory_session_messages m JOIN memory_session_context s ON s.id = m.session_id
WHERE m.session_id = %(session)s AND m.sequence BETWEEN %(first)s AND %(last)s AND m.content <> ''
ON CONFLICT (id) DO NOTHING
"""
UPDATE_CHANGED = """
UPDATE memory_search_index i SET
  scope = CASE WHEN s.user_id IS NULL THEN 'tenant' ELSE 'user' END, user_id = s.user_id,
  archived = s.status = 'archived'
FROM memory_session_context s
WHERE s.id = %(session)s AND i.kind = 'message' AND i.tenant_id = s.tenant_id AND i.session_id = s.session_id
  AND (i.user_id IS DISTINCT FROM s.user_id OR i.archived <> (s.status = 'archived'))
"""
DELETE_GONE = """
DELETE FROM memory_search_index i
WHERE i.kind = 'message' AND i.tenant_id = %(tenant)s AND i.session_id = %(name)s
  AND NOT EXISTS (SELECT FROM memory_session_messages m WHERE m.id = i.id AND m.content <> '')
"""
#: The row lock keeps the session's state still until this is done.
LOCK_DUE = """
SELECT projection_due, message_count FROM memory_session_context WHERE id = %(session)s FOR NO KEY UPDATE
"""
ALL_DONE = "UPDATE memory_session_context SET projection_due = false WHERE id = %(session)s"


class ConversationStore:
    """Registered in ``AppConfig.ready``; hears of ``messages``."""

    name = NAME
    topics = frozenset({TOPIC})

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, Problem]:
        for delivery in batch:
            principal = system_principal(NAME, delivery.tenant_id)
            with behind_walls(principal):
                project(delivery, principal)
        return {}


def project(delivery: Delivery, principal: Principal) -> None:
    """The session as a whole where that is due, was asked for, or the session is gone; else the messages named."""
    values: dict[str, Any] = {
        "session": delivery.object_id,
        "tenant": delivery.tenant_id,
        "name": delivery.event.context_key,
    }
    first, last = delivery.event.payload.get("first"), delivery.event.payload.get("last")
    with connection.cursor() as cursor:
        cursor.execute("SELECT projection_due FROM memory_session_context WHERE id = %(session)s", values)
        row = cursor.fetchone()
        if row == (False,) and first is not None:
            cursor.execute(INSERT_MISSING, values | {"first": first, "last": last})
        else:
            project_all(values, principal)


def project_all(values: dict[str, Any], principal: Principal) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK_DUE, values)
        row = cursor.fetchone()
        cursor.execute(DELETE_GONE, values)
        if row is not None:
            cursor.execute(INSERT_MISSING, values | {"first": 1, "last": row[1]})
            moved = cursor.rowcount
            cursor.execute(UPDATE_CHANGED, values)
            moved += cursor.rowcount
            cursor.execute(ALL_DONE, values)
    if row is not None and moved:
        # rows that come, or reach others now, lack their words; who reads these may have looked before
        changes.announce(values["session"], values["name"], row[1], what="projected", principal=principal)
