"""Conflicts to review, and what a reviewer's browser sends."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.test import Client

from agents_app.models import Conflict
from agents_app.services import conflicts
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change
from tests.registry.admin.test_entries import stored, writer

EVERYTHING = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
BASE = {"tier": "silver", "seats": 40, "tags": ["a"], "city": "Bonn"}
CURRENT = BASE | {"tier": "gold", "tags": ["a", "b"]}
OFFERED = BASE | {"tier": "platinum", "seats": 55, "tags": ["a", "c"]}


def change(entry: UUID, value: Any, agent: str, version: int) -> None:
    entries.change(entry, Change(value=value, if_version=version), principal=writer(agent=agent))


def open_conflict(key: str = "prefs", *, base: Any = None, current: Any = None, offered: Any = None) -> UUID:
    """crm-bot has changed what writer-bot wants to change, too. One clash: /tier."""
    entry = stored(base or BASE, key=key)
    change(entry, current or CURRENT, "crm-bot", 1)
    return offer(entry, offered or OFFERED)


def offer(entry: UUID, value: Any, agent: str = "writer-bot", base: int = 1, **fields: Any) -> UUID:
    done = conflicts.submit(
        entry, principal=writer(agent=agent), base_version=base, value=value, strategy="manual_review", **fields
    )
    assert done.conflict_id is not None
    return done.conflict_id


def conflict_of(pk: UUID) -> Conflict:
    with behind_walls(EVERYTHING):
        found: Conflict = Conflict.objects.get(pk=pk)
        return found


def entry_of(pk: UUID) -> ContextEntry:
    with behind_walls(EVERYTHING):
        found: ContextEntry = ContextEntry.objects.get(pk=conflict_of(pk).entry_id)
        return found


def url(pk: UUID, name: str = "change") -> str:
    return f"/admin/agents_app/conflict/{pk}/{name}/"


def form(pk: UUID, **fields: Any) -> dict[str, Any]:
    """The form as it stands on the page now; ``picks`` by pointer, ``edits`` by pointer."""
    picks, edits = fields.pop("picks", {}), fields.pop("edits", {})
    conflict, entry = conflict_of(pk), entry_of(pk)
    made = {"conflict_version": conflict.version, "entry_version": entry.sync_version, "strategy": "manual_review"}
    made |= {f"pick:{json.dumps(pointer)}": "" for pointer in ("/tier", "/seats", "/tags")}
    made |= {f"pick:{json.dumps(pointer)}": choice for pointer, choice in picks.items()}
    made |= {f"edit:{json.dumps(pointer)}": text for pointer, text in edits.items()}
    return made | {"reason": "because"} | fields


def resolve(browser: Client, pk: UUID, **fields: Any) -> Any:
    return browser.post(url(pk, "resolve"), form(pk, **fields))
