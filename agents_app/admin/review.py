"""The review page shows a conflict, previews picks, and decides; preview and decision are calls of one service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from agents_app import selectors_queue
from agents_app.admin import decided, review_page
from agents_app.admin.conflict_verbs import dialogs_of, head_buttons
from agents_app.admin.picks import Picks, number, of_form
from agents_app.admin.queue import Filters
from agents_app.exceptions import ConflictMoved
from agents_app.models import Conflict
from agents_app.selectors_queue import Walk, walk
from agents_app.services import conflicts, duplicates, presence, reapplying
from memoryhub.access.admin.base import principal_of
from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry

MOST_EVIDENCE = 4
#: Reasons that need one press, for what reviewers say most often.
QUICK_REASONS = ("Newer information", "Confirmed by the user", "More reliable source")


def acting(request: HttpRequest, conflict: Conflict) -> Principal:
    """The reviewer inside the conflict's tenant."""
    return principal_of(request).within(conflict.tenant_id)


def address(name: str, conflict_id: UUID, filters: Filters | None = None) -> str:
    query = f"?{filters.query}" if filters and filters.query else ""
    return reverse(f"admin:agents_app_conflict_{name}", args=[conflict_id]) + query


def walk_of(request: HttpRequest, conflict: Conflict) -> tuple[Filters, Walk]:
    filters = Filters.of(request.GET.dict())
    return filters, walk(filters.rows(principal_of(request)), conflict.pk)


def after(filters: Filters, steps: Walk) -> str:
    """Where the work goes on: the next conflict of the view, or the queue when that was the last one."""
    if steps.after is not None:
        return address("change", steps.after, filters)
    return reverse("admin:agents_app_conflict_changelist") + (f"?{filters.query}" if filters.query else "")


class ReviewViews:
    """For the ModelAdmin of conflicts: one method per address. ``found`` gives 404 for what is out of reach."""

    admin_site: Any
    opts: Any

    def found(self, request: HttpRequest, object_id: UUID | str) -> Conflict:
        conflict = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        if conflict is None:
            raise Http404
        assert isinstance(conflict, Conflict)
        return conflict

    def to_decide(self, request: HttpRequest, object_id: UUID) -> Conflict:
        conflict = self.found(request, object_id)
        if not self.may_decide(request):
            raise PermissionDenied
        return conflict

    def may_decide(self, request: HttpRequest) -> bool:
        return bool(self.holds(request, "change"))  # type: ignore[attr-defined]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.page(request, self.found(request, object_id), Picks())

    def page(
        self, request: HttpRequest, conflict: Conflict, picks: Picks, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        filters, steps = walk_of(request, conflict)
        principal = principal_of(request)
        context = {
            **self.admin_site.each_context(request),
            "conflict": conflict,
            "filters": filters,
            "view": selectors_queue.BY_NAME[filters.view],
            "walk": steps,
            "onward": after(filters, steps),
            "may_decide": self.may_decide(request),
            "overdue": bool(conflict.due_at and conflict.status == "open" and conflict.due_at < timezone.now()),
            "why_a_person": why_a_person(conflict),
            "head_buttons": head_buttons(conflict) if self.may_decide(request) else [],
            "dialogs": dialogs_of(conflict) if self.may_decide(request) else [],
            "last": selectors_queue.last_decision(principal) if self.may_decide(request) else None,
            "present": presence.others(conflict.pk, principal.staff_pk or 0, timezone.now()),
            "quick_reasons": QUICK_REASONS,
            "opts": self.opts,
            "original": conflict,
            "title": "Conflict",
            **self.body(request, conflict, picks),
            **more,
        }
        return TemplateResponse(request, "agents/review.html", context, status=status)

    def body(self, request: HttpRequest, conflict: Conflict, picks: Picks) -> dict[str, Any]:
        """An open conflict as a form, a decided one as a record."""
        if conflict.status != Conflict.Status.OPEN:
            return {"page": None, "decided": decided.record_of(conflict), "mine": None}
        return {"page": self.previewed(request, conflict, picks)}

    def previewed(self, request: HttpRequest, conflict: Conflict, picks: Picks) -> review_page.Page:
        principal = acting(request, conflict)
        found = conflicts.preview(conflict.pk, principal=principal, **picks.asked())
        return review_page.page_of(conflict, found, picks)

    def preview_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The pieces of the page that follow the picks, for htmx."""
        conflict = self.found(request, object_id)
        picks = of_form(request.POST.dict())
        moved = moved_since(conflict, picks)
        if conflict.status != Conflict.Status.OPEN:
            return TemplateResponse(request, "agents/review_stale.html", {"moved": moved, "conflict": conflict})
        try:
            with transaction.atomic():
                page = self.previewed(request, conflict, picks)
        except HubError as error:
            return TemplateResponse(request, "agents/review_stale.html", {"problem": error.message})
        context = {"page": page, "oob": True, "moved": moved, "conflict": conflict}
        return TemplateResponse(request, "agents/review_preview.html", context)

    @method_decorator(sensitive_post_parameters())
    def resolve_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Decides, and goes on to the next conflict. What is refused comes back with every pick and the reason."""
        conflict = self.to_decide(request, object_id)
        picks = of_form(request.POST.dict())
        problem = not_ready(picks)
        if problem:
            return self.page(request, conflict, picks, status=422, problem=problem)
        onward = after(*walk_of(request, conflict))
        try:
            with transaction.atomic():
                done = conflicts.resolve(
                    conflict.pk,
                    principal=acting(request, conflict),
                    conflict_version=picks.conflict_version,
                    entry_version=picks.entry_version,
                    reason=picks.reason,
                    **picks.asked(),
                )
        except ConflictMoved as error:
            return self.stale(request, object_id, picks, error)
        except HubError as error:
            return self.page(request, conflict, picks, status=422, problem=error.message)
        messages.success(request, f"{conflict.key}: decided. The entry is at version {done.version}.")
        return HttpResponseRedirect(onward)

    def stale(self, request: HttpRequest, object_id: UUID, picks: Picks, error: ConflictMoved) -> HttpResponse:
        """The page as it is now, with the picks of the reviewer on it; sent again, they apply to the new state."""
        conflict = self.found(request, object_id)
        if conflict.status == Conflict.Status.OPEN:
            return self.page(request, conflict, picks, status=409, moved=moved_of(conflict, error.message, again=True))
        mine = decided.unsaved(conflict, picks)
        return self.page(request, conflict, picks, status=409, moved=moved_of(conflict, ""), mine=mine)

    @method_decorator(sensitive_post_parameters())
    def reapply_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Saves picks that came too late over what somebody else decided."""
        conflict = self.to_decide(request, object_id)
        picks, over = of_form(request.POST.dict()), number(request.POST.get("over", ""))
        try:
            with transaction.atomic():
                version = reapplying.reapply(
                    conflict.pk,
                    principal=acting(request, conflict),
                    seen=picks.entry_version,
                    over=over,
                    reason=picks.reason[:LONGEST_REASON],
                    **picks.asked(),
                )
        except HubError as error:
            mine = decided.unsaved(conflict, picks)
            return self.page(request, conflict, picks, status=409, problem=error.message, mine=mine)
        messages.success(request, f"{conflict.key}: your result is version {version} of the entry.")
        return HttpResponseRedirect(after(*walk_of(request, conflict)))

    def present_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Every open page asks here every ten seconds: who else is there, and has anything moved?"""
        conflict = self.to_decide(request, object_id)
        principal = acting(request, conflict)
        if request.POST.get("leaving"):
            presence.leave(conflict.pk, principal=principal)
            return HttpResponse(status=204)
        here = presence.note(conflict.pk, principal=principal, editing=request.POST.get("editing") == "yes")
        picks = of_form(request.POST.dict())
        context = {"present": here, "conflict": conflict, "moved": moved_since(conflict, picks)}
        return TemplateResponse(request, "agents/presence_answer.html", context)


def why_a_person(conflict: Conflict) -> str:
    """Why it is in the queue, where that says more than its kind does."""
    if conflict.other is not None and conflict.status == Conflict.Status.OPEN:
        return found_by(conflict, conflict.other.key)
    asked_for = conflict.strategy == "manual_review" or conflict.escalation_reason == "a person decides"
    return "" if asked_for or conflict.status != Conflict.Status.OPEN else conflict.escalation_reason


def found_by(conflict: Conflict, other: str) -> str:
    """What the job saw, and what a decision does to the two entries."""
    seen = [str(line).rstrip(".") for line in conflict.evidence.get("why", [])[:MOST_EVIDENCE]]
    similarity = conflict.evidence.get("similarity")
    if isinstance(similarity, float):
        seen.append(f"similarity {similarity:.2f}")
    ends = removal_says(conflict, other) if conflict.kind == "duplicate" else "both entries get the result"
    return f"{', '.join(seen) or 'they are alike'}. When you resolve: {ends}."


def removal_says(conflict: Conflict, other: str) -> str:
    """Whom merging opens the memory to is part of what the reviewer decides."""
    gaining = duplicates.new_readers(conflict.entry, conflict.other) if conflict.other is not None else []
    opens = f"; merging lets {', '.join(gaining)} read this memory" if gaining else ""
    return f"“{other}” is removed, and can be restored{opens}"


def not_ready(picks: Picks) -> str:
    """Why a form cannot be carried out as it stands; empty when it can."""
    if picks.mistakes:
        return "What was typed is no JSON yet: " + next(iter(picks.mistakes.values()))
    if not picks.reason:
        return "Say why: a reason is required."
    if len(picks.reason) > LONGEST_REASON:
        return f"The reason is longer than {LONGEST_REASON} characters. Shorten it."
    return ""


def moved_since(conflict: Conflict, picks: Picks) -> dict[str, Any] | None:
    """What happened since the page was opened, if anything."""
    if conflict.status != Conflict.Status.OPEN:
        return moved_of(conflict, "")
    entry: ContextEntry = conflict.entry
    if picks.entry_version and entry.sync_version != picks.entry_version:
        return moved_of(conflict, f"{entry.author} wrote version {entry.sync_version} of the entry.", again=True)
    if picks.conflict_version and conflict.version != picks.conflict_version:
        return moved_of(conflict, "The conflict changed since you opened it.", again=True)
    return None


def moved_of(conflict: Conflict, what: str, *, again: bool = False) -> dict[str, Any]:
    """For ``agents/review_moved.html``: who did what; ``again``: the picks can be sent once more."""
    if not what:
        who = conflict.undone_by or conflict.decided_by or "Somebody"
        how = {"resolved": "resolved", "dismissed": "dismissed", "undone": "undid"}[conflict.status]
        what = f"{who} {how} this conflict"
        what += f": {conflict.decision_reason}" if conflict.decision_reason else "."
    return {"what": what, "again": again, "page": address("change", conflict.pk)}
