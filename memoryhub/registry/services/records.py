"""An entry as it is read: a document made by the database, whichever table it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.registry.models import ContextEntry

MOMENTS = frozenset({"created_at", "updated_at", "expires_at", "archived_at"})


@dataclass(slots=True)
class Entry:
    """One entry. ``document`` is its JSON text, as the API answers it; all its members are attributes, too:
    ``value``, ``metadata``, ``created_at`` (a datetime), ``parent_id`` (a UUID), ``tags``, ``author``, …
    """

    entry_id: UUID
    key: str
    layer: str
    scope: str
    agent_id: str | None
    sync_version: int
    document: str
    _members: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def members(self) -> dict[str, Any]:
        """The parsed document."""
        if self._members is None:
            self._members = json.loads(self.document)
        return self._members

    def __getattr__(self, name: str) -> Any:
        try:
            found = self.members[name]
        except KeyError:
            raise AttributeError(name) from None
        if found is not None and name in MOMENTS:
            return datetime.fromisoformat(found)
        return UUID(found) if found is not None and name == "parent_id" else found


COLUMNS = ("id", "key", "layer", "scope", "agent_id", "sync_version")
DURABLE = "registry_document(memory_context_registry)"
EPHEMERAL = "registry_document(registry_ephemeral_as_entry(memory_context_ephemeral))"


def documents_of(found: QuerySet[Any]) -> QuerySet[Any]:
    """Rows of a queryset over either table as what ``Entry`` takes."""
    made = DURABLE if found.model is ContextEntry else EPHEMERAL
    document = RawSQL(made, [], output_field=TextField())  # noqa: S611 - a constant
    rows: QuerySet[Any] = found.annotate(document=document).values_list(*COLUMNS, "document")
    return rows


def rows_of(found: QuerySet[Any], *, principal: Principal) -> list[Entry]:
    """The entries of a queryset over either table, in one round trip."""
    statement, params = documents_of(found).query.sql_with_params()
    return [Entry(*row) for row in one_trip(statement, params, principal=principal)]


def of_rows(rows: list[Any]) -> list[Entry]:
    """The entries of loaded rows of the registry. Call it behind the walls that the rows were loaded in."""
    found = documents_of(ContextEntry.objects.filter(pk__in=[row.pk for row in rows]))
    by_id = {columns[0]: Entry(*columns) for columns in found}
    return [by_id[row.pk] for row in rows]
