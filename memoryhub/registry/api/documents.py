"""Entries as JSON documents. Values are passed on as the database wrote them, without parsing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.http import HttpResponse

from memoryhub.access.models import Grant
from memoryhub.registry.hooks import Settled
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services.entries import Stored
from memoryhub.registry.services.records import Entry


def moment(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def entry_json(entry: Entry) -> str:
    """The document of an entry as the API answers it."""
    return f'{{"success" : true, {entry.document[1:]}'


def entry_response(entry: Entry) -> HttpResponse:
    """The entry, with its version as ETag."""
    response = HttpResponse(entry_json(entry), content_type="application/json")
    response["ETag"] = f'"{entry.sync_version}"'
    return response


class Answer(HttpResponse):
    """A small JSON answer, written directly; ``data`` is what repetitions of the request are answered with."""

    def __init__(self, data: dict[str, Any], headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.data = data
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        super().__init__(body, content_type="application/json", headers=headers, status=status)


def stored_document(stored: Stored) -> dict[str, Any]:
    return plain_document(stored) | (settled_document(stored.settled) if stored.settled else {})


def settled_document(settled: Settled) -> dict[str, Any]:
    """What became of a change that could not simply be written."""
    return {
        "proposed": settled.proposal,
        "outcome": settled.outcome,
        "conflict_id": settled.conflict_id and str(settled.conflict_id),
        "strategy": settled.strategy,
        "why": settled.why,
    }


def stored_answer(stored: Stored) -> Answer:
    """200, or 202 where a person decides."""
    waits = stored.proposed is not None or (stored.settled is not None and stored.settled.proposal)
    return Answer(stored_document(stored), headers={"ETag": f'"{stored.sync_version}"'}, status=202 if waits else 200)


def plain_document(stored: Stored) -> dict[str, Any]:
    return {
        "success": True,
        "entry_id": str(stored.entry_id),
        "key": stored.key,
        "layer": stored.layer,
        "scope": stored.scope,
        "sync_version": stored.sync_version,
        "created": stored.created,
        "kept": stored.kept,
        "expires_at": moment(stored.expires_at),
        "updated_at": moment(stored.updated_at),
    }


def amended_document(entry: ContextEntry) -> dict[str, Any]:
    return {
        "success": True,
        "entry_id": str(entry.pk),
        "key": entry.key,
        "layer": entry.layer,
        "scope": entry.scope,
        "sync_version": entry.sync_version,
        "updated_at": moment(entry.updated_at),
        "expires_at": moment(entry.expires_at),
        "archived_at": moment(entry.archived_at),
        "legal_hold": entry.legal_hold,
    }


def version_document(version: EntryVersion) -> dict[str, Any]:
    return {
        "entry_id": str(version.entry_id),
        "version": version.version,
        "action": version.action,
        "value": version.value,
        "metadata": version.metadata,
        "attributes": version.attributes,
        "author": version.author,
        "reason": version.reason,
        "created_at": moment(version.created_at),
    }


def grant_document(grant: Grant) -> dict[str, Any]:
    return {
        "agent_id": grant.agent_id,
        "can_write": grant.can_write,
        "reason": grant.reason,
        "note": grant.note,
        "created_at": moment(grant.created_at),
        "created_by": grant.created_by,
    }
