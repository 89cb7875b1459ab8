"""The draft of a procedure: at most one, saved as often as one likes, seen by nobody who follows the procedure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.db.models.functions import Now

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from procedures_app import calls, documents
from procedures_app.documents import Document, DocumentInvalid, Problem, ThreeWay, names
from procedures_app.documents.merging import Choice, clash_errors
from procedures_app.documents.shapes import config_keys
from procedures_app.exceptions import ChoicesMissing, DraftStale, NotPublished, ProcedureExists
from procedures_app.models import Procedure, ProcedureStep, ProcedureVersion
from procedures_app.services import procedures
from procedures_app.services.governing import may_govern

DRAFT = ProcedureVersion.Status.DRAFT


@verb
def save(
    name: str,
    document: Mapping[str, Any],
    *,
    principal: Principal,
    if_revision: int | None = None,
    based_on: int | None = None,
) -> ProcedureVersion:
    """Writes the draft, which is made where there is none, and the procedure with it. Needs ``write``.

    ``document``: as published; steps without an id get that of the step before which they are. ``if_revision`` is
    the revision that the caller saw, 0 where it saw no draft; what it saved itself already stays and is answered
    whatever it saw. ``based_on``: the published number that the document was made from, where that is not what the
    draft says (for a new one the newest). Raises DocumentInvalid, DraftStale, Invalid.
    """
    principal.require("write")
    procedure = made_if_missing(name, principal)
    draft = found_draft(procedure)
    if not (draft and draft.author == principal.actor):
        refuse_stale(draft, if_revision)
    wanted = checked(name, document, draft or procedure.current)
    base = checked_base(procedure, draft, based_on)
    if draft and procedures.document_of(draft) == wanted and draft.based_on == base:
        return draft  # the caller may have saved it itself, and not heard the answer
    refuse_stale(draft, if_revision)
    return write(procedure, draft, wanted, base, principal)


def checked_base(procedure: Procedure, draft: ProcedureVersion | None, based_on: int | None) -> int | None:
    if based_on is None:
        return draft.based_on if draft else newest_number(procedure)
    if not ProcedureVersion.objects.filter(procedure=procedure, number=based_on).exists():
        raise Invalid("based_on", f"There is no published version {based_on} of '{procedure.name}'.")
    return based_on


@verb
def begin(document: Mapping[str, Any], *, principal: Principal, name: str = "") -> ProcedureVersion:
    """Makes a procedure with its first draft. Without a name it gets one made from the title. Needs ``write``.

    Raises DocumentInvalid, Invalid, ProcedureExists.
    """
    principal.require("write")
    said = name or text_of(document, "name") or names.procedure_slug(text_of(document, "title"))
    if not said:
        raise DocumentInvalid([("title", "Give the procedure a title, or a name.")])
    procedure = made_if_missing(said, principal)
    if procedure.current_id or found_draft(procedure):
        raise ProcedureExists(f"There is a procedure '{said}' already. Change its draft instead.", procedure=said)
    return save(said, document, principal=principal, if_revision=0)


def text_of(document: Mapping[str, Any], name: str) -> str:
    found = document.get(name)
    return found if isinstance(found, str) else ""


def made_if_missing(name: str, principal: Principal) -> Procedure:
    tenant_id = procedures.tenant_of(principal)
    if len(name) > names.LONGEST_PROCEDURE or not names.PROCEDURE.fullmatch(name):
        raise Invalid("name", "Use lower-case letters, digits and single hyphens, such as safe-deployment.")
    if name in names.RESERVED:
        raise Invalid("name", "The hub itself uses this name in its addresses. Choose another one.")
    new = Procedure(tenant_id=tenant_id, name=name, author=principal.actor)
    Procedure.objects.bulk_create([new], ignore_conflicts=True)
    return procedures.locked(name, principal)


def checked(name: str, document: Mapping[str, Any], before: ProcedureVersion | None) -> Document:
    over = procedures.document_of(before) if before else None
    wanted = documents.read(dict(document) | {"name": document.get("name") or name}, over=over)
    if wanted["name"] != name:
        raise DocumentInvalid([("name", f"The document is of '{wanted['name']}', not of '{name}'.")])
    return wanted


def found_draft(procedure: Procedure) -> ProcedureVersion | None:
    rows = ProcedureVersion.objects.filter(procedure=procedure, status=DRAFT)
    found: ProcedureVersion | None = rows.select_related("procedure").prefetch_related("steps").first()
    return found


def refuse_stale(draft: ProcedureVersion | None, if_revision: int | None) -> None:
    current = draft.revision if draft else 0
    if if_revision is not None and if_revision != current:
        raise DraftStale(current_revision=current)


def write(
    procedure: Procedure, draft: ProcedureVersion | None, document: Document, base: int | None, principal: Principal
) -> ProcedureVersion:
    head = {name: document[name] for name in procedures.HEAD} | {"author": principal.actor, "based_on": base}
    if draft is None:
        draft = ProcedureVersion.objects.create(tenant_id=procedure.tenant_id, procedure=procedure, **head)
    else:
        rewrite(draft, **head, revision=draft.revision + 1)
    write_steps(draft, document)
    described = {"revision": draft.revision, "steps": len(document["steps"]), "digest": audit.digest(document)}
    procedures.record("procedures.draft.saved", principal, procedure, new=described)
    return reread(draft)


def rewrite(draft: ProcedureVersion, **changed: Any) -> None:
    for name, value in changed.items():
        setattr(draft, name, value)
    draft.updated_at = Now()
    draft.save(update_fields=[*changed, "updated_at"])


def write_steps(draft: ProcedureVersion, document: Document) -> None:
    ProcedureStep.objects.filter(version=draft).delete()
    ProcedureStep.objects.bulk_create(
        [step_row(draft, step, position) for position, step in enumerate(document["steps"], 1)]
    )


def step_row(draft: ProcedureVersion, step: dict[str, Any], position: int) -> ProcedureStep:
    said = {name: step[name] for name in (*procedures.STEP, *procedures.POLICY)}
    config = {name: step[name] for name in config_keys(step["kind"]) if name in step}
    return ProcedureStep(
        tenant_id=draft.tenant_id, version=draft, step_id=step["id"], position=position, config=config, **said
    )


def reread(version: ProcedureVersion) -> ProcedureVersion:
    found: ProcedureVersion = (
        ProcedureVersion.objects.select_related("procedure").prefetch_related("steps").get(pk=version.pk)
    )
    return found


def newest_number(procedure: Procedure) -> int | None:
    found: int | None = ProcedureVersion.objects.filter(procedure=procedure).aggregate(newest=Max("number"))["newest"]
    return found


@verb
def of(name: str, *, principal: Principal) -> ProcedureVersion:
    """The draft with its steps. Raises NotFound."""
    return needed(procedures.of_name(name, principal))


def needed(procedure: Procedure) -> ProcedureVersion:
    found = found_draft(procedure)
    if found is None:
        raise NotFound(f"There is no draft of '{procedure.name}'.")
    return found


@verb
def discard(name: str, *, principal: Principal, if_revision: int | None = None) -> ProcedureVersion:
    """Gives the draft up; it is kept as discarded. For whoever wrote it last, and governors.

    Raises NotFound, DraftStale, Forbidden.
    """
    principal.require("write")
    procedure = procedures.locked(name, principal)
    draft = needed(procedure)
    refuse_stale(draft, if_revision)
    if draft.author != principal.actor and not may_govern(principal):
        raise Forbidden(f"This draft is by {draft.author}. Ask them, or somebody who governs, to discard it.")
    rewrite(draft, status=ProcedureVersion.Status.DISCARDED)
    procedures.record("procedures.draft.discarded", principal, procedure, old={"revision": draft.revision})
    return reread(draft)


@dataclass(frozen=True, slots=True)
class Rebased:
    """The draft as it is now, and how it came about."""

    draft: ProcedureVersion
    merged: ThreeWay


@verb
def three_way(name: str, *, principal: Principal, choices: Mapping[str, Choice] | None = None) -> ThreeWay:
    """What the draft's changes on top of the newest published version give; nothing is saved.

    Raises NotFound, NotPublished.
    """
    procedure = procedures.of_name(name, principal)
    return merge(procedure, needed(procedure), choices or {})


def merge(procedure: Procedure, draft: ProcedureVersion, choices: Mapping[str, Choice]) -> ThreeWay:
    newest = newest_number(procedure)
    if newest is None:
        raise NotPublished()
    numbers = (draft.based_on or newest, newest)
    found = ProcedureVersion.objects.filter(procedure=procedure, number__in=numbers)
    known = {one.number: procedures.document_of(one) for one in found.select_related("procedure")}
    base, published = (known[number] for number in numbers)
    if draft.based_on is None:
        # begun before anything was published: the two have no common ancestor but the name
        base = documents.read({"name": procedure.name})
    return documents.three_way(base, published, procedures.document_of(draft), choices)


@verb
def rebase(
    name: str, *, principal: Principal, choices: Mapping[str, Choice] | None = None, if_revision: int | None = None
) -> Rebased:
    """Brings the draft's changes on top of the newest published version. Needs ``write``.

    ``choices`` by pointer, as ``documents.three_way`` offers them, for what both sides changed. Raises NotFound,
    NotPublished, DraftStale, ChoicesMissing.
    """
    principal.require("write")
    procedure = procedures.locked(name, principal)
    draft = needed(procedure)
    refuse_stale(draft, if_revision)
    merged = merge(procedure, draft, choices or {})
    if undecided := clash_errors(merged):
        raise ChoicesMissing(errors=[{"field": path or "document", "message": said} for path, said in undecided])
    return Rebased(rebased(procedure, draft, merged, principal), merged)


def rebased(procedure: Procedure, draft: ProcedureVersion, merged: ThreeWay, principal: Principal) -> ProcedureVersion:
    newest = newest_number(procedure)
    if draft.based_on == newest:
        return draft
    old = {"based_on": draft.based_on, "revision": draft.revision}
    written = write(procedure, draft, merged.document, newest, principal)
    new = {"based_on": newest, "revision": written.revision}
    procedures.record("procedures.draft.rebased", principal, procedure, old=old, new=new)
    return written


@verb
def problems(draft: ProcedureVersion, *, principal: Principal, publishing: bool = False) -> list[Problem]:
    """What is wrong with a draft. Errors prevent publishing; a host that is not allowed becomes one then."""
    document = procedures.document_of(draft)
    return problems_of(document, principal=principal, publishing=publishing)


@verb
def problems_of(document: Document, *, principal: Principal, publishing: bool = False) -> list[Problem]:
    """As ``problems``, for a document that is not saved."""
    known = procedures.connected(document, principal=principal)
    rules, tenant_id = settings.CONFIG.procedures, procedures.tenant_of(principal)
    secrets = {name: one.hosts for name, one in calls.usable(rules.secrets, tenant_id).items()}
    found = documents.check(document, known, rules.allowed_hosts, secrets=secrets, publishing=publishing)
    return found + unknown_agents(document, principal)


def unknown_agents(document: Document, principal: Principal) -> list[Problem]:
    """A step for agents that nobody knows would wait for ever; they may still be registered, so it is a warning."""
    named = {agent for step in document["steps"] for agent in step["agents"]}
    rows = Agent.objects.filter(tenant_id=procedures.tenant_of(principal), agent_id__in=named, active=True)
    known = set(rows.values_list("agent_id", flat=True)) if named else set()
    return [
        Problem(f"steps[{n}].agents[{place}]", f"There is no active agent '{agent}' here.", "warning")
        for n, step in enumerate(document["steps"])
        for place, agent in enumerate(step["agents"])
        if agent not in known
    ]
