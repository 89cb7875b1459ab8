"""What the outbox announces to this house."""

from __future__ import annotations

ENTRY, MESSAGES = "entry", "messages"
#: One row of the index, of whatever kind: the object of the event is the row.
INDEXED = "indexed"
#: Topics whose objects are the rows themselves.
OF_ROWS = frozenset({ENTRY, INDEXED})
