"""Procedures from text: read over what is there, and kept as a draft."""

from __future__ import annotations

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app import documents
from procedures_app.documents import Document, DocumentInvalid, names
from procedures_app.documents.formats import Format
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.services import drafts, procedures


@verb
def read(text: str, *, principal: Principal, format: Format = "auto", name: str = "") -> Document:  # noqa: A002
    """The document of a text; nothing is saved. With the name of a procedure, its steps keep their ids.

    ``name`` also names the document where the text does not. Raises DocumentInvalid.
    """
    document = documents.parse(text, format, over=latest(name, principal))
    document["name"] = name or document["name"] or names.procedure_slug(document["title"])
    known = latest(document["name"], principal)
    return documents.parse(text, format, over=known) | {"name": document["name"]} if known and not name else document


def latest(name: str, principal: Principal) -> Document | None:
    """The draft of a procedure, else its published version; None where there is neither."""
    found: Procedure | None = procedures.of(principal=principal).filter(name=name).first() if name else None
    if found is None:
        return None
    version = drafts.found_draft(found) or found.current
    return procedures.document_of(version) if version else None


@verb
def keep(
    text: str,
    *,
    principal: Principal,
    format: Format = "auto",  # noqa: A002
    name: str = "",
    if_revision: int = 0,
) -> ProcedureVersion:
    """The text as the draft of a procedure, which is made where there is none. Needs ``write``.

    ``if_revision``: the revision of the draft that the caller saw, 0 for none. Raises DocumentInvalid, DraftStale.
    """
    principal.require("write")
    document = read(text, principal=principal, format=format, name=name)
    if not document["name"]:
        raise DocumentInvalid([("title", "Give the procedure a title, or a name.")])
    if name:
        document["name"] = name
    return drafts.save(document["name"], document, principal=principal, if_revision=if_revision)
