"""Deliveries: what waits for which store, and the two things that people do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import action, display

from memoryhub.access.admin.base import principal_of
from memoryhub.access.exceptions import HubError
from memoryhub.sync.admin.lists import MOST_LISTED, OutboxAdmin, StoreFilter, TenantFilter
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import deliveries

LABELS = {"pending": "info", "done": "success", "parked": "danger", "superseded": "default"}


@dataclass(frozen=True)
class Question:
    """What is asked before something is done, and by which verb."""

    verb: Callable[..., int]
    title: str
    meaning: str
    button: str
    done: str


RETRY = Question(
    deliveries.retry,
    "Retry deliveries",
    "They are due at once and get all their attempts again. What was delivered or is being delivered stays as it is.",
    "Retry",
    "{} deliveries are due now.",
)
PARK = Question(
    deliveries.park,
    "Park deliveries",
    "Their stores do not hear of these changes until somebody retries them, or the object changes again.",
    "Park",
    "{} deliveries are parked.",
)


@admin.register(Delivery)
class DeliveryAdmin(OutboxAdmin):
    list_display = ["created_at", "store", "about", "version", "tenant", "state", "attempts", "due", "error"]
    list_filter = [("status", ChoicesCheckboxFilter), StoreFilter, TenantFilter]
    list_select_related = ["event"]
    search_help_text = "The id of the object, or the beginning of its key"
    key_field = "event__context_key"
    fields = [
        ("store", "state", "attempts"),
        ("about", "version", "object_id"),
        ("event", "tenant"),
        ("created_at", "due"),
        ("claimed_until", "done_at"),
        "error",
    ]
    readonly_fields = ["state", "about", "tenant", "due"]
    actions = ["retry_selected", "park_selected"]
    actions_detail = ["retry_one", "park_one"]

    @display(description="About", ordering="event__context_key")
    def about(self, delivery: Delivery) -> str:
        return f"{delivery.event.event_type} {delivery.event.context_key}"

    @display(description="Tenant", ordering="tenant_id")
    def tenant(self, delivery: Delivery) -> str:
        return delivery.tenant_id or "global"

    @display(description="Next attempt", ordering="next_at")
    def due(self, delivery: Delivery) -> datetime | None:
        return delivery.next_at if delivery.status == Delivery.Status.PENDING else None

    @display(description="State", ordering="status", label=LABELS)
    def state(self, delivery: Delivery) -> str:
        return delivery.status

    def has_govern_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("sync.change_delivery"))

    @action(description="Retry …", permissions=["govern"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse:
        return self.ask(request, queryset, RETRY)

    @action(description="Park …", permissions=["govern"])
    def park_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse:
        return self.ask(request, queryset, PARK)

    @action(description="Retry …", permissions=["govern"], url_path="retry", icon="autorenew")
    def retry_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(request, self.one(request, object_id), RETRY)

    @action(description="Park …", permissions=["govern"], url_path="park", icon="pause_circle")
    def park_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(request, self.one(request, object_id), PARK)

    def one(self, request: HttpRequest, object_id: str) -> QuerySet[Delivery]:
        found = self.get_queryset(request).filter(pk=object_id) if object_id.isdigit() else Delivery.objects.none()
        if not found:
            raise Http404
        return found

    def ask(self, request: HttpRequest, queryset: QuerySet[Delivery], question: Question) -> HttpResponse:
        """A page that asks; only its own POST does anything. Every action comes through here."""
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[:MOST_LISTED])
        if request.method == "POST" and "confirmed" in request.POST:
            return self.carry_out(request, ids, question)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": question.title,
            "question": question,
            "count": len(ids),
            "capped": len(ids) == MOST_LISTED,
            "examples": queryset.select_related("event").order_by("pk")[:10],
            # the same selection again, for the POST that confirms
            "chosen": {
                name: request.POST.getlist(name)
                for name in ("action", "select_across", ACTION_CHECKBOX_NAME)
                if name in request.POST
            },
            "back": self.list_url(),
        }
        return TemplateResponse(request, "admin/sync/confirm_deliveries.html", context)

    def carry_out(self, request: HttpRequest, ids: list[int], question: Question) -> HttpResponse:
        reason = request.POST.get("reason", "")[:500]
        try:
            with transaction.atomic():  # what the verb refuses must not spoil the request's transaction
                count = question.verb(ids, principal=principal_of(request), reason=reason)
        except HubError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, question.done.format(count))
        return HttpResponseRedirect(self.list_url())

    def list_url(self) -> str:
        return reverse("admin:sync_delivery_changelist")
