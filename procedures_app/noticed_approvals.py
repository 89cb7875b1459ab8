"""Approvals as notices tell of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from agents_app.noticed import About
from procedures_app.models import Approval

NAME = "approval"
#: A failed step stops its run until somebody decides; the others were asked for by an agent that can wait.
SEVERITY = {Approval.Kind.ESCALATION: "high"}


class NoticedApprovals:
    name = NAME
    permission = "procedures_app.view_approval"
    sentences: Mapping[str, str] = {
        "asked": "A run waits for a person to decide.",
        "assigned": "A decision about a run was assigned to you.",
        "overdue": "A run has waited for a person for too long.",
    }

    def about(self, ids: Collection[UUID]) -> Mapping[UUID, About]:
        found = Approval.objects.filter(pk__in=ids).select_related("run__procedure", "step_run")
        return {approval.pk: self.of(approval) for approval in found}

    def of(self, approval: Approval) -> About:
        return About(
            noun="approval",
            what=str(approval.get_kind_display()),
            where=where(approval),
            severity=severity(approval),
            tenant_id=approval.tenant_id,
            opened_at=approval.created_at,
            due_at=approval.expires_at,
            is_open=approval.status == Approval.Status.PENDING,
            path=self.path(approval.pk),
            fields={
                "approval_id": str(approval.pk),
                "run_id": str(approval.run_id),
                "procedure": approval.run.procedure.name,
                "step_id": approval.step_run.step_id,
                "kind": approval.kind,
            },
        )

    def waiting(self) -> Q:
        pending = Approval.objects.filter(status=Approval.Status.PENDING).order_by()
        return Q(subject=NAME, subject_id__in=pending.values("pk"))

    def path(self, thing_id: UUID) -> str:
        return reverse("admin:procedures_app_approval_change", args=[thing_id])


def where(approval: Approval) -> str:
    return f"{approval.run.procedure.name}, step {approval.step_run.step_id}"


def severity(approval: Approval) -> str:
    return SEVERITY.get(Approval.Kind(approval.kind), "medium")
