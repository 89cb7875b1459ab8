"""Entries as JSON documents. Values are passed on as the database wrote them, without parsing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from memoryhub.access.models import Grant
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services.entries import Stored
from memoryhub.registry.services.records import Entry

RAW = ("value", "metadata")


def moment(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def plain(value: Any) -> Any:
    """For json.dumps: what it does not know by itself."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def fields_of(entry: Entry) -> dict[str, Any]:
    """All but value and metadata."""
    return {
        "entry_id": entry.entry_id,
        "key": entry.key,
        "layer": entry.layer,
        "scope": entry.scope,
        "priority": entry.priority,
        "category": entry.category,
        "source": entry.source,
        "tenant_id": entry.tenant_id,
        "user_id": entry.user_id,
        "session_id": entry.session_id,
        "agent_id": entry.agent_id,
        "memory_type": entry.memory_type,
        "importance": entry.importance,
        "tags": entry.tags,
        "origin_session": entry.origin_session,
        "encrypted": entry.encrypted,
        "author": entry.author,
        "owner": entry.owner,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
        "expires_at": entry.expires_at,
        "access_count": entry.access_count,
        "sync_version": entry.sync_version,
        "parent_id": entry.parent_id,
        "archived_at": entry.archived_at,
        "legal_hold": entry.legal_hold,
    }


def entry_json(entry: Entry, **more: Any) -> str:
    """The document of an entry as JSON text; ``more`` comes first."""
    head = json.dumps({**more, **fields_of(entry)}, default=plain, ensure_ascii=False, separators=(",", ":"))
    return f'{head[:-1]},"value":{entry.value_json},"metadata":{entry.metadata_json}}}'


def entry_document(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(entry_json(entry))
    return found


def entry_response(entry: Entry) -> HttpResponse:
    """The entry, with its version as ETag."""
    response = HttpResponse(entry_json(entry, success=True), content_type="application/json")
    response["ETag"] = f'"{entry.sync_version}"'
    return response


def stored_document(stored: Stored) -> dict[str, Any]:
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
