"""The procedures that every new hub begins with, for a tenant that wants them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from procedures_app import documents
from procedures_app.documents import Document, subprocedures
from procedures_app.models import Procedure
from procedures_app.services import drafts, procedures, publishing
from procedures_app.services.governing import require_governor

FOLDER = Path(__file__).parents[1] / "defaults"
NOTE = "One of the procedures that come with the hub."


@cache
def shipped() -> tuple[Document, ...]:
    """Their documents; those that are steps of others come first."""
    found = [documents.parse(path.read_text(encoding="utf-8"), "yaml") for path in sorted(FOLDER.glob("*.yaml"))]
    used = {name for one in found for name in subprocedures.used_by(one)}
    return tuple(sorted(found, key=lambda one: one["name"] not in used))


@verb
def install(*, principal: Principal, tenant_id: str) -> list[str]:
    """Gives the tenant the procedures that come with the hub, published; the names of those that were new.

    What has one of their names stays as it is, whatever it is, so that repeating it undoes nobody's changes. For
    governors; NotFound for an unknown tenant.
    """
    require_governor(principal)
    inside = principal.within(tenant_id)
    with behind_walls(inside):
        if not Tenant.objects.filter(tenant_id=tenant_id).exists():
            raise NotFound(f"There is no tenant '{tenant_id}'.")
        procedures.one_publisher(inside)
        there = set(Procedure.objects.filter(tenant_id=tenant_id).values_list("name", flat=True))
        wanted = [one for one in shipped() if one["name"] not in there]
        for document in wanted:
            install_one(document, inside)
        return [document["name"] for document in wanted]


def install_one(document: Document, principal: Principal) -> None:
    """Published; left as a draft where the tenant has retired what it uses as a step."""
    draft = drafts.save(document["name"], document, principal=principal, if_revision=0)
    if not any(one.level == "error" for one in drafts.problems(draft, principal=principal, publishing=True)):
        publishing.publish(document["name"], principal=principal, revision=draft.revision, note=NOTE)
