"""Conflicts as notices tell of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from agents_app.models import Conflict
from agents_app.noticed import About


class NoticedConflicts:
    name = "conflict"
    permission = "agents_app.view_conflict"
    sentences: Mapping[str, str] = {
        "opened": "A conflict was opened and waits for a decision.",
        "escalated": "A conflict became more severe and waits for a decision.",
        "assigned": "A conflict was assigned to you.",
        "overdue": "A conflict has waited for too long.",
    }

    def about(self, ids: Collection[UUID]) -> Mapping[UUID, About]:
        return {conflict.pk: self.of(conflict) for conflict in Conflict.objects.filter(pk__in=ids)}

    def of(self, conflict: Conflict) -> About:
        return About(
            noun="conflict",
            what=str(conflict.get_kind_display()),
            where=conflict.key,
            severity=conflict.severity,
            tenant_id=conflict.tenant_id,
            opened_at=conflict.created_at,
            due_at=conflict.due_at,
            is_open=conflict.status == Conflict.Status.OPEN,
            path=self.path(conflict.pk),
            fields={
                "conflict_id": str(conflict.pk),
                "entry_id": str(conflict.entry_id),
                "key": conflict.key,
                "kind": conflict.kind,
            },
        )

    def waiting(self) -> Q:
        return Q(conflict__status=Conflict.Status.OPEN)

    def path(self, thing_id: UUID) -> str:
        return reverse("admin:agents_app_conflict_change", args=[thing_id])
