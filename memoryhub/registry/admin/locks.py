"""Locks: who may write an entry since when and until when, and who waits for it. An administrator can take one away."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin
from memoryhub.access.admin.cells import moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import Call, Verb, VerbsMixin
from memoryhub.registry.admin.records import entry_link
from memoryhub.registry.models import EntryLock, LockWaiter
from memoryhub.registry.services import locks

WAITERS_SHOWN = 100


def take_away(call: Call) -> str:
    released = locks.force_release(call.object.pk, principal=call.principal, reason=call.reason)
    if not released.released:
        return "Nobody holds this lock any more. Nothing was changed."
    return f"Taken away from {released.holder}. The first that waits has it now; if nobody waits, all may write again."


TAKE_AWAY = Verb(
    "force-release",
    "Force release",
    "Takes the lock away from its holder, whose next change is refused. The first that waits gets it. Your reason "
    "stays in the audit trail.",
    take_away,
    "delete",
    "required",
    danger=True,
    available=lambda lock: is_held(lock),
    icon="lock_open",
)


def is_held(lock: EntryLock) -> bool:
    return lock.holder is not None and lock.expires_at is not None and lock.expires_at > timezone.now()


def waiting_for(entry_id: Any) -> QuerySet[LockWaiter]:
    waiters: QuerySet[LockWaiter] = LockWaiter.objects.filter(entry_id=entry_id)
    return waiters.waiting(settings.CONFIG.agents.waiter_lapse_seconds)  # type: ignore[attr-defined,no-any-return]


@admin.register(EntryLock)
class LockAdmin(VerbsMixin, ListedColumns, BigTable, ReadOnlyAdmin):
    listed = ["entry", "tenant_id", "holder", "acquired_at", "expires_at", "reason"]
    list_display = ["shown_holder", "of_entry", "since", "until", "waiters", "shown_reason", "tenant_id"]
    list_display_links = ["shown_holder"]
    list_filter = [TenantFilter, exactly("holder", "holder")]
    search_fields = ["entry__key", "holder"]
    search_help_text = "Key of the entry, or holder"
    parents = {"entry": ["key"]}
    ordering = ["expires_at"]
    fields = ["of_entry", ("shown_holder", "fence"), ("since", "until"), "shown_reason", "queue"]
    readonly_fields = ["of_entry", "shown_holder", "since", "until", "shown_reason", "queue"]
    verbs = (TAKE_AWAY,)
    change_form_template = "hub/verb_page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The list shows what is held; the page of a lock that is over still opens."""
        rows: QuerySet[Any] = super().get_queryset(request)
        matched = request.resolver_match
        if matched is None or not str(matched.url_name).endswith("_changelist"):
            return rows
        counted = waiting_for(OuterRef("pk")).order_by().values("entry_id").annotate(n=Count("pk")).values("n")
        return rows.held().annotate(queue_length=Coalesce(Subquery(counted), 0))  # type: ignore[attr-defined,no-any-return]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        lock = self.get_object(request, object_id)
        buttons = self.buttons(request, lock) if lock is not None else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "buttons": buttons})

    @display(description="Entry")
    def of_entry(self, lock: EntryLock) -> SafeString:
        return entry_link(lock.entry)

    @display(description="Holder", ordering="holder")
    def shown_holder(self, lock: EntryLock) -> SafeString:
        return text_cell(lock.holder if is_held(lock) and lock.holder else "nobody", 60)

    @display(description="Since", ordering="acquired_at")
    def since(self, lock: EntryLock) -> SafeString:
        return moment_cell(lock.acquired_at)

    @display(description="Until", ordering="expires_at")
    def until(self, lock: EntryLock) -> SafeString:
        return moment_cell(lock.expires_at)

    @display(description="Waiting")
    def waiters(self, lock: Any) -> int:
        return int(lock.queue_length)

    @display(description="Reason")
    def shown_reason(self, lock: EntryLock) -> SafeString:
        return text_cell(lock.reason or "—", 120)

    @display(description="Who waits, in order")
    def queue(self, lock: EntryLock) -> SafeString | str:
        waiting = waiting_for(lock.pk)[:WAITERS_SHOWN]
        lines = [(text_cell(one.waiter, 60), moment_cell(one.queued_at)) for one in waiting]
        return format_html_join("", "<div>{} since {}</div>", lines) or "nobody"


@admin.register(LockWaiter)
class WaiterAdmin(ListedColumns, BigTable, ReadOnlyAdmin):
    listed = ["entry", "tenant_id", "waiter", "seconds", "queued_at", "asked_at"]
    list_display = ["waiter", "of_entry", "queued", "asked", "seconds", "tenant_id"]
    list_filter = [TenantFilter, exactly("waiter", "waiter")]
    search_fields = ["entry__key", "waiter"]
    search_help_text = "Key of the entry, or who waits"
    parents = {"entry": ["key"]}
    ordering = ["entry", "pk"]
    fields = ["of_entry", "waiter", ("queued", "asked"), "seconds"]
    readonly_fields = ["of_entry", "queued", "asked"]

    @display(description="Entry")
    def of_entry(self, waiter: LockWaiter) -> SafeString:
        return entry_link(waiter.entry)

    @display(description="Queued", ordering="queued_at")
    def queued(self, waiter: LockWaiter) -> SafeString:
        return moment_cell(waiter.queued_at)

    @display(description="Last asked", ordering="asked_at")
    def asked(self, waiter: LockWaiter) -> SafeString:
        return moment_cell(waiter.asked_at)
