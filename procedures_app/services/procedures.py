"""Procedures as a whole: found, read, retired and activated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from procedures_app.documents import Document, subprocedures
from procedures_app.documents.shapes import config_keys
from procedures_app.exceptions import NotPublished, ProcedureInUse, ProcedureRetired
from procedures_app.models import EnforcementRule, Procedure, ProcedureStep, ProcedureVersion, StepKind
from procedures_app.services import finding
from procedures_app.services.governing import require_governor

HEAD = ("title", "summary", "kind", "tags", "inputs", "preconditions")
STEP = ("kind", "title", "instruction", "agents", "evidence", "preconditions", "time_limit_seconds")
POLICY = ("max_attempts", "on_failure", "rollback")
# Two procedures published at the same time could become steps of each other, or of one that is retired just then.
ONE_PUBLISHER = "SELECT pg_advisory_xact_lock(hashtextextended('memoryhub publishing ' || %s, 0))"


def tenant_of(principal: Principal) -> str:
    if principal.tenant_id is None:
        raise Invalid("tenant_id", "Name the tenant of the procedure.")
    return principal.tenant_id


def of(
    *, principal: Principal, kind: str | None = None, status: str | None = None, tag: str | None = None, text: str = ""
) -> QuerySet[Procedure]:
    """The procedures in reach, with their current versions; ``kind``, ``tag`` and ``text`` are about these."""
    found = Procedure.objects.visible_to(principal).select_related("current")
    if kind:
        found = found.filter(current__kind=kind)
    if status:
        found = found.filter(status=status)
    if tag:
        found = found.filter(current__tags__contains=[tag])
    if text:
        said = Q(current__title__icontains=text) | Q(current__summary__icontains=text)
        found = found.filter(said | Q(name__icontains=text))
    return found


def with_drafts(found: QuerySet[Procedure]) -> QuerySet[Procedure]:
    """With ``draft_revision``, ``draft_title``, ``draft_kind`` and ``draft_based_on`` of the draft, if any."""
    draft = ProcedureVersion.objects.filter(procedure=OuterRef("pk"), status=ProcedureVersion.Status.DRAFT)
    named = {f"draft_{name}": Subquery(draft.values(name)[:1]) for name in ("revision", "title", "kind", "based_on")}
    return found.annotate(**named)


@verb
def named(name: str, *, principal: Principal) -> Procedure:
    """Raises NotFound."""
    return of_name(name, principal)


def of_name(name: str, principal: Principal) -> Procedure:
    tenant_of(principal)
    found: Procedure | None = of(principal=principal).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no procedure '{name}' here.")
    return found


def locked(name: str, principal: Principal) -> Procedure:
    """The row by which those who change one procedure wait for each other. Raises NotFound."""
    rows = Procedure.objects.visible_to(principal).filter(tenant_id=tenant_of(principal), name=name)
    found: Procedure | None = rows.select_for_update().first()
    if found is None:
        raise NotFound(f"There is no procedure '{name}' here.")
    return found


def one_publisher(principal: Principal) -> None:
    """Whoever changes what procedures of a tenant may be used takes turns, before any of them is locked."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_PUBLISHER, [tenant_of(principal)])


@verb
def published(name: str, *, principal: Principal) -> ProcedureVersion:
    """The version that new runs follow. Raises NotFound, NotPublished, ProcedureRetired."""
    procedure = of_name(name, principal)
    if procedure.current is None:
        raise NotPublished()
    if procedure.status == Procedure.Status.RETIRED:
        raise ProcedureRetired()
    return procedure.current


def versions(name: str, *, principal: Principal) -> QuerySet[ProcedureVersion]:
    """The published versions. Read behind the principal's walls; empty where there is no such procedure."""
    found: QuerySet[ProcedureVersion] = ProcedureVersion.objects.visible_to(principal).filter(
        procedure__name=name, status=ProcedureVersion.Status.PUBLISHED
    )
    return found.select_related("procedure").order_by("-number")


@verb
def version(name: str, number: int, *, principal: Principal) -> ProcedureVersion:
    """A published version. Raises NotFound."""
    tenant_of(principal)
    found = versions(name, principal=principal).filter(number=number).first()
    if found is None:
        raise NotFound(f"There is no version {number} of a procedure '{name}' here.")
    return found


def document_of(version: ProcedureVersion) -> Document:
    """The document of a version or draft, in its normal form."""
    head = {name: getattr(version, name) for name in HEAD}
    steps = sorted(version.steps.all(), key=lambda step: step.position)
    return {"name": version.procedure.name, **head, "steps": [step_document(step) for step in steps]}


def step_document(step: ProcedureStep) -> dict[str, Any]:
    config = {name: step.config[name] for name in config_keys(step.kind) if name in step.config}
    said = {name: getattr(step, name) for name in (*STEP, *POLICY)}
    return {"id": step.step_id, **said, **config}


def documents_of(versions: Iterable[ProcedureVersion]) -> dict[str, Document]:
    return {version.procedure.name: document_of(version) for version in versions}


@verb
def connected(document: Document, *, principal: Principal) -> dict[str, Document]:
    """The published documents that a document uses, and all that use or are used by others in the tenant."""
    current = ProcedureVersion.objects.filter(
        tenant_id=tenant_of(principal), procedure__current=F("pk"), procedure__status=Procedure.Status.ACTIVE
    )
    using = ProcedureStep.objects.filter(version__in=current, kind=StepKind.PROCEDURE)
    nested = list(using.values_list("version_id", "config__procedure"))
    names = {name for _, name in nested} | set(subprocedures.used_by(document))
    wanted = current.filter(Q(pk__in=[pk for pk, _ in nested]) | Q(procedure__name__in=names))
    return documents_of(wanted.select_related("procedure").prefetch_related("steps"))


@verb
def retire(name: str, *, principal: Principal, reason: str = "") -> Procedure:
    """No new run follows it; runs that are under way go on. For governors.

    Raises NotFound; ProcedureInUse where active procedures have it as a step, or a rule asks for it.
    """
    require_governor(principal)
    one_publisher(principal)
    procedure = locked(name, principal)
    if users := used_in(procedure):
        raise ProcedureInUse(f"It is needed by {', '.join(users)}. Change that first.", used_by=users)
    return switch(procedure, Procedure.Status.RETIRED, "procedures.procedure.retired", principal, reason)


@verb
def activate(name: str, *, principal: Principal, reason: str = "") -> Procedure:
    """A retired procedure can be followed again. For governors. Raises NotFound."""
    require_governor(principal)
    procedure = locked(name, principal)
    return switch(procedure, Procedure.Status.ACTIVE, "procedures.procedure.activated", principal, reason)


def used_in(procedure: Procedure) -> list[str]:
    """What would break without it, in words."""
    steps = ProcedureStep.objects.filter(
        tenant_id=procedure.tenant_id,
        kind=StepKind.PROCEDURE,
        config__procedure=procedure.name,
        version__procedure__status=Procedure.Status.ACTIVE,
        version=F("version__procedure__current"),
    ).exclude(version__procedure=procedure)
    users = sorted(set(steps.values_list("version__procedure__name", flat=True)))
    rules = EnforcementRule.objects.filter(tenant_id=procedure.tenant_id, procedure=procedure)
    kinds = sorted(rules.values_list("kind", flat=True))
    return [*(f"the procedure {user}" for user in users), *(f"the rule for {kind}" for kind in kinds)]


def switch(procedure: Procedure, status: str, action: str, principal: Principal, reason: str) -> Procedure:
    if procedure.status == status:
        return procedure
    old = procedure.status
    procedure.status, procedure.updated_at = status, Now()
    procedure.save(update_fields=["status", "updated_at"])
    procedure.refresh_from_db()
    record(action, principal, procedure, old={"status": old}, new={"status": status}, reason=reason)
    if procedure.current:
        finding.index(procedure.current, principal=principal)
    return procedure


def record(action: str, principal: Principal, procedure: Procedure, **values: Any) -> None:
    audit.record(
        action,
        principal=principal,
        tenant_id=procedure.tenant_id,
        object_type="procedure",
        object_id=procedure.name,
        **values,
    )
