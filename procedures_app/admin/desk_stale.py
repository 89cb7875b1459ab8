"""A save that came too late: what somebody else saved meanwhile, and whether both fit together."""

from __future__ import annotations

from typing import Any

from procedures_app import documents
from procedures_app.admin.desk_changes import changes_of
from procedures_app.admin.desk_editing import Stale
from procedures_app.documents import Document, DocumentInvalid, ThreeWay
from procedures_app.models import ProcedureVersion
from procedures_app.services import procedures


def stale_of(base: dict[str, Any] | None, current: ProcedureVersion, mine: Document) -> Stale:
    """``base`` is the document that the page began with, as the page says."""
    theirs = procedures.document_of(current)
    began = began_with(base) or theirs
    merged = documents.three_way(began, theirs, mine)
    return Stale(
        author=current.author,
        at=current.updated_at,
        revision=current.revision,
        changes=changes_of(documents.diff(began, theirs)),
        fits=fits(merged),
        clashes=[path.label for path in merged.clashes],
    )


def both_together(base: dict[str, Any] | None, current: ProcedureVersion | None, mine: Document) -> Document | None:
    """Mine on top of what was saved meanwhile; None where they clash."""
    began = began_with(base)
    if current is None or began is None:
        return None
    merged = documents.three_way(began, procedures.document_of(current), mine)
    return merged.document if fits(merged) else None


def fits(merged: ThreeWay) -> bool:
    return merged.open == 0 and not merged.errors


def began_with(base: dict[str, Any] | None) -> Document | None:
    """The page could say anything: only a document will do."""
    try:
        return documents.read(base) if base else None
    except DocumentInvalid:
        return None
