"""Who of the staff looks after an approval. What is decided, and by whom, is the business of the runs."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from procedures_app.exceptions import AlreadyDecided
from procedures_app.models import Approval
from procedures_app.services import approval_notices
from procedures_app.services.governing import require_person


@verb
def assign(approval_id: UUID, *, principal: Principal, username: str | None) -> Approval:
    """Gives it to a member of the staff, who is told; None: to nobody.

    Raises Forbidden for whoever is no person, NotFound, AlreadyDecided, and Invalid for who is not on the staff of its
    tenant.
    """
    require_person(principal)
    rows = Approval.objects.visible_to(principal).select_for_update(of=("self",))
    approval: Approval | None = rows.select_related("run__procedure", "step_run").filter(pk=approval_id).first()
    if approval is None:
        raise NotFound("There is no approval of that id that you may see.")
    if approval.status != Approval.Status.PENDING:
        raise AlreadyDecided()
    before, chosen = approval.assignee, reviewer(username, approval.tenant_id) if username else None
    if before == chosen:
        return approval
    approval.assignee = chosen
    approval.save(update_fields=["assignee"])
    audit.record(
        "procedures.approval.assigned",
        principal=principal,
        object_type="approval",
        object_id=approval.pk,
        old={"assignee": before.get_username() if before else None},
        new={"assignee": username},
    )
    approval_notices.assigned(approval, principal=principal)
    return approval


def reviewer(username: str, tenant_id: str) -> User:
    found = User.objects.filter(username=username, is_active=True, is_staff=True).first()
    limits = set(found.tenant_limits.values_list("tenant_id", flat=True)) if found else set()
    if found is None or (limits and tenant_id not in limits):
        raise Invalid("assignee", "Nobody of that name may look after this. Choose somebody from the list.")
    return found
