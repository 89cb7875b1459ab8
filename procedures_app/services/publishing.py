"""Publishing: a draft becomes the version that new runs follow. Runs under way stay with theirs."""

from __future__ import annotations

from django.db.models.functions import Now

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from procedures_app.exceptions import DraftHasErrors, PublishedMoved
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.services import drafts, finding, procedures
from procedures_app.services.governing import require_governor

LONGEST_NOTE = 2_000


@verb
def publish(
    name: str, *, principal: Principal, revision: int, note: str, based_on_seen: int | None = None
) -> ProcedureVersion:
    """The draft becomes the next version. For governors; ``note`` says what changed and why.

    Compare-and-set: ``revision`` is that of the draft as it was looked at, ``based_on_seen`` the newest published
    number at that time (None or 0: there was none). Of several at once one wins. Raises PublishedMoved, NotFound,
    DraftStale, DraftHasErrors, Invalid.
    """
    require_governor(principal)
    said = checked_note(note)
    procedures.one_publisher(principal)
    procedure = procedures.locked(name, principal)
    newest = refuse_moved(procedure, based_on_seen)
    draft = drafts.needed(procedure)
    drafts.refuse_stale(draft, revision)
    refuse_old_base(draft, newest)
    refuse_errors(draft, principal)
    return make_current(procedure, draft, (newest or 0) + 1, said, principal)


def checked_note(note: str) -> str:
    said = note.strip()
    if not said:
        raise Invalid("note", "Say what changed and why: whoever follows the procedure reads it.")
    if len(said) > LONGEST_NOTE:
        raise Invalid("note", f"Write at most {LONGEST_NOTE} characters.")
    return said


def refuse_moved(procedure: Procedure, seen: int | None) -> int | None:
    newest = drafts.newest_number(procedure)
    if (newest or 0) != (seen or 0):
        raise PublishedMoved(current_version=newest)
    return newest


def refuse_old_base(draft: ProcedureVersion, newest: int | None) -> None:
    if draft.based_on != newest:
        raise PublishedMoved(
            f"The draft was begun from version {draft.based_on}, and version {newest} is published now. "
            "Bring its changes into the draft, then publish.",
            current_version=newest,
            based_on=draft.based_on,
        )


def refuse_errors(draft: ProcedureVersion, principal: Principal) -> None:
    found = drafts.problems(draft, principal=principal, publishing=True)
    errors = [{"field": one.path, "message": one.message} for one in found if one.level == "error"]
    if errors:
        raise DraftHasErrors(errors=errors)


def make_current(
    procedure: Procedure, draft: ProcedureVersion, number: int, note: str, principal: Principal
) -> ProcedureVersion:
    drafts.rewrite(
        draft,
        status=ProcedureVersion.Status.PUBLISHED,
        number=number,
        note=note,
        published_by=principal.actor,
        published_at=Now(),
    )
    procedure.current, procedure.updated_at = draft, Now()
    procedure.save(update_fields=["current", "updated_at"])
    made = drafts.reread(draft)
    described = {"version": number, "digest": audit.digest(procedures.document_of(made))}
    procedures.record("procedures.version.published", principal, procedure, new=described, reason=note)
    finding.index(made, principal=principal)
    return made
