"""Approvals: the queue, and the page on which one is decided."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from agents_app.selectors_queue import Walk, walk
from agents_app.services import presence
from memoryhub.access import texts
from memoryhub.access.admin.base import ReadOnlyAdmin, VisibleRows, principal_of
from memoryhub.access.admin.verbs import LONGEST_REASON, VerbsMixin
from memoryhub.access.exceptions import HubError
from procedures_app import selectors_desk
from procedures_app.admin import approval_page, approval_verbs
from procedures_app.admin.filtering import ROWS, ApprovalFilters, page_number, tenants_of
from procedures_app.admin.run_list import procedures_of
from procedures_app.exceptions import AlreadyDecided, RunMoved
from procedures_app.models import Approval
from procedures_app.noticed_approvals import NAME, where
from procedures_app.services.runs import approvals

RECENT = 5
LISTED = ("run__procedure", "run__procedure_version", "step_run__definition", "assignee")
APPROVED = {"approve": "approved", "refuse": "refused"}


@admin.register(Approval)
class ApprovalAdmin(VerbsMixin, VisibleRows, ReadOnlyAdmin):
    """Its list is a queue: work in the order in which it should be done."""

    verbs = approval_verbs.VERBS

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"<uuid:object_id>/{name}/", wrap(view), name=f"procedures_app_approval_{name}")
            for name, view in (
                ("decide", require_POST(self.decide_view)),
                ("live", require_safe(self.live_view)),
                ("present", require_POST(self.present_view)),
            )
        ]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*LISTED)

    def may_decide(self, request: HttpRequest) -> bool:
        return self.holds(request, "change")

    def found(self, request: HttpRequest, object_id: UUID | str) -> Approval:
        approval = self.get_object(request, str(object_id))
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not isinstance(approval, Approval):
            raise Http404
        return approval

    # -- the queue ------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), **queue(request), "opts": self.opts, "title": "Approvals"}
        return TemplateResponse(request, "procedures/approvals.html", context)

    # -- one of them ------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.page(request, self.found(request, object_id))

    def page(self, request: HttpRequest, approval: Approval, *, status: int = 200, **more: Any) -> HttpResponse:
        filters, steps = walk_of(request, approval)
        decides = self.may_decide(request)
        context = {
            **self.admin_site.each_context(request),
            **approval_page.context(approval, approval.run),
            "filters": filters,
            "view": selectors_desk.APPROVAL_VIEW[filters.view],
            "walk": steps,
            "onward": after(filters, steps),
            "may_decide": decides,
            "dialogs": approval_verbs.dialogs_of(approval) if decides else [],
            "present": presence.others_at(place_of(approval), principal_of(request).staff_pk or 0, timezone.now()),
            "opts": self.opts,
            "original": approval,
            "title": "Approval",
            **more,
        }
        return TemplateResponse(request, "procedures/approval.html", context, status=status)

    def live_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Whether it is still as the page shows it (204), or what became of it."""
        approval = self.found(request, object_id)
        if request.GET.get("version") == str(approval.run.version):
            return HttpResponse(status=204)
        context = approval_page.context(approval, approval.run)
        return TemplateResponse(request, "procedures/approval_live.html", {**context, "moved": moved_of(approval)})

    def present_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Every open page asks here every ten seconds: who else is there?"""
        approval = self.found(request, object_id)
        if not self.may_decide(request):
            raise PermissionDenied
        place, principal = place_of(approval), principal_of(request).within(approval.tenant_id)
        if request.POST.get("leaving"):
            presence.leave_from(place, principal=principal)
            return HttpResponse(status=204)
        here = presence.note_at(place, principal=principal, editing=request.POST.get("editing") == "yes")
        return TemplateResponse(request, "agents/present.html", {"present": here})

    def decide_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Decides, and goes on to the next one. What is refused comes back with the reason that was typed."""
        approval = self.found(request, object_id)
        if not self.may_decide(request):
            raise PermissionDenied
        choice, reason = request.POST.get("choice", ""), request.POST.get("reason", "").strip()
        problem = not_ready(approval, choice, reason)
        if problem:
            return self.page(request, approval, status=422, problem=problem, reason=reason)
        onward = after(*walk_of(request, approval))
        try:
            with transaction.atomic():
                decide(request, approval, choice, reason)
        except (AlreadyDecided, RunMoved):
            now = self.found(request, object_id)
            mine = {"choice": words_of(approval, choice), "reason": reason}
            return self.page(request, now, status=409, moved=moved_of(now), mine=mine, reason=reason)
        except HubError as error:
            return self.page(request, approval, status=422, problem=error.message, reason=reason)
        messages.success(request, f"{where(approval)}: {words_of(approval, choice)}.")
        return HttpResponseRedirect(onward)

    def page_after(self, found: Any) -> str:
        return reverse("admin:procedures_app_approval_change", args=[found.pk])


def place_of(approval: Approval) -> presence.Place:
    return presence.Place(NAME, approval.pk, approval.tenant_id, where(approval))


def decide(request: HttpRequest, approval: Approval, choice: str, reason: str) -> None:
    escalation = approval.kind == Approval.Kind.ESCALATION
    approvals.decide(
        approval.pk,
        principal=principal_of(request).within(approval.tenant_id),
        run_version=seen_version(request),
        approve=escalation or choice == "approve",
        decision=choice if escalation else "",
        reason=reason,
    )


def seen_version(request: HttpRequest) -> int:
    text = request.POST.get("run_version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def not_ready(approval: Approval, choice: str, reason: str) -> str:
    """Why a form cannot be carried out as it stands; empty when it can."""
    chosen = next((one for one in approval_page.choices_of(approval) if one.value == choice), None)
    if chosen is None:
        return "Choose what to do from the buttons."
    if not reason and not chosen.bare:
        return "Say why: a reason is required. It stays with the run."
    if len(reason) > LONGEST_REASON:
        return f"The reason is longer than {LONGEST_REASON} characters. Shorten it."
    return ""


def words_of(approval: Approval, choice: str) -> str:
    chosen = next((one for one in approval_page.choices_of(approval) if one.value == choice), None)
    return APPROVED.get(choice) or (chosen.label.lower() if chosen else choice)


def moved_of(approval: Approval) -> dict[str, Any]:
    """For ``procedures/approval_moved.html``: who did what, or that the run went on."""
    if approval.status == Approval.Status.PENDING:
        return {"what": "The run went on since you looked.", "again": True}
    how = str(approval.get_status_display()).lower()
    if approval.decision:
        how += f" ({approval_page.ESCALATED[approval.decision].label.lower()})"
    who, at = approval.decided_by or "The hub", approval.decided_at
    when = f" at {timezone.localtime(at):%H:%M:%S} UTC, {texts.relative(at)}" if at else ""
    because = f": {approval.decision_reason}" if approval.decision_reason else "."
    return {"what": f"{who} {how} it{when}{because}" if approval.decided_by else f"It {how}{when}.", "again": False}


def walk_of(request: HttpRequest, approval: Approval) -> tuple[ApprovalFilters, Walk]:
    filters = ApprovalFilters.of(request.GET.dict())
    return filters, walk(filters.rows(principal_of(request)), approval.pk)


def after(filters: ApprovalFilters, steps: Walk) -> str:
    """Where the work goes on: the next one of the view, or the queue when that was the last."""
    query = f"?{filters.query}" if filters.query else ""
    if steps.after is not None:
        return reverse("admin:procedures_app_approval_change", args=[steps.after]) + query
    return reverse("admin:procedures_app_approval_changelist") + query


def queue(request: HttpRequest) -> dict[str, Any]:
    """For the template ``procedures/approvals.html``."""
    principal, now = principal_of(request), timezone.now()
    filters = ApprovalFilters.of(request.GET.dict())
    page = page_number(request)
    found = list(filters.rows(principal).select_related(*LISTED)[(page - 1) * ROWS : page * ROWS + 1])
    recent = selectors_desk.approvals_of("decided", principal).select_related(*LISTED)
    return {
        "filters": filters,
        "tabs": filters.tabs(selectors_desk.approval_counts(principal, now), urgent=("overdue",)),
        "view": selectors_desk.APPROVAL_VIEW[filters.view],
        "rows": found[:ROWS],
        "page": page,
        "more": len(found) > ROWS,
        "recent": [] if found else list(recent[:RECENT]),
        "kinds": Approval.Kind.choices,
        "procedures": procedures_of(principal),
        "tenants": tenants_of(principal),
        "now": now,
    }
