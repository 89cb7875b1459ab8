"""Sync runs, replicas and change feeds: looked at, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from agents_app.models import ChangeFeed, FeedItem, PushedChange, Replica, SyncRun
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin
from memoryhub.access.admin.cells import code_cell, json_cell, moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly

STATES = {"Waiting": "default", "Running": "info", "Done": "success", "Failed": "danger"}
NAMED = ("memories_synced", "conflicts_detected", "conflicts_resolved", "memories_shared")


class RecordAdmin(ListedColumns, BigTable, ReadOnlyAdmin):
    """Lists read only the columns that they show."""

    @display(description="Agent", ordering="agent_id")
    def shown_agent(self, record: Any) -> SafeString:
        return text_cell(record.agent_id, 40)

    @display(description="User", ordering="user_id")
    def shown_user(self, record: Any) -> SafeString:
        return text_cell(record.user_id or "all", 30)


@admin.register(SyncRun)
class SyncRunAdmin(RecordAdmin):
    listed = [
        "agent_id", "tenant_id", "user_id", "status", "trigger", "forced", "counts", "errors", "created_at",
        "started_at", "finished_at",
    ]  # fmt: skip
    list_display = ["shown_agent", "tenant_id", "shown_status", "why", "did", "took", "asked"]
    list_filter = [
        TenantFilter,
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        exactly("agent_id", "agent"),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["=agent_id", "=requested_by"]
    search_help_text = "A whole agent id, or who asked for it"
    ordering = ["-pk"]
    fields = [
        ("shown_agent", "tenant_id"),
        ("shown_status", "shown_user"),
        ("why", "requested_by"),
        ("asked", "took"),
        ("began", "ended"),
        "shown_errors",
        "shown_counts",
        ("since_seq", "through_seq"),
    ]
    readonly_fields = [
        "shown_agent", "shown_user", "shown_status", "why", "asked", "began", "ended", "took", "shown_errors",
        "shown_counts",
    ]  # fmt: skip

    @display(description="Status", ordering="status", label=STATES)
    def shown_status(self, run: SyncRun) -> str:
        return str(run.get_status_display())

    @display(description="Why", ordering="trigger")
    def why(self, run: SyncRun) -> str:
        return str(run.get_trigger_display()) + (", everything again" if run.forced else "")

    @display(description="Did")
    def did(self, run: SyncRun) -> SafeString:
        if run.errors:
            return format_html("<strong>{}</strong>", text_cell(run.errors[0].get("error"), 60))
        done = ", ".join(f"{run.counts[name]:,} {name.replace('_', ' ')}" for name in NAMED if run.counts.get(name))
        return text_cell(done or "nothing to do", 90)

    @display(description="Took")
    def took(self, run: SyncRun) -> str:
        return "–" if run.duration_ms is None else f"{run.duration_ms / 1000:.2f} s"

    @display(description="Asked for", ordering="created_at")
    def asked(self, run: SyncRun) -> SafeString:
        return moment_cell(run.created_at)

    @display(description="Began")
    def began(self, run: SyncRun) -> SafeString:
        return moment_cell(run.started_at, "not yet")

    @display(description="Ended")
    def ended(self, run: SyncRun) -> SafeString:
        return moment_cell(run.finished_at, "not yet")

    @display(description="Errors")
    def shown_errors(self, run: SyncRun) -> SafeString:
        return json_cell(run.errors) if run.errors else text_cell("none")

    @display(description="Counts")
    def shown_counts(self, run: SyncRun) -> SafeString:
        return json_cell(run.counts)


@admin.register(Replica)
class ReplicaAdmin(RecordAdmin):
    listed = [
        "name", "agent_id", "tenant_id", "user_id", "epoch", "acked_seq", "conflicts", "rejected", "last_pull_at",
        "last_push_at",
    ]  # fmt: skip
    list_display = ["shown_name", "shown_agent", "tenant_id", "shown_user", "lag", "trouble", "pulled", "pushed"]
    list_filter = [TenantFilter, exactly("agent_id", "agent"), ("last_pull_at", RangeDateTimeFilter)]
    search_fields = ["name", "=agent_id"]
    search_help_text = "Name of the replica, or a whole agent id"
    ordering = ["-pk"]
    fields = [
        ("shown_name", "shown_agent"),
        ("tenant_id", "shown_user"),
        ("lag", "acked_seq"),
        ("applied", "merged"),
        ("conflicts", "rejected"),
        "epoch",
        ("pulled", "pushed"),
        ("made", "created_by"),
    ]
    readonly_fields = ["shown_name", "shown_agent", "shown_user", "lag", "pulled", "pushed", "made"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        feed = ChangeFeed.objects.filter(tenant_id=OuterRef("tenant_id"), agent_id=OuterRef("agent_id"))
        last = Coalesce(Subquery(feed.values("last_seq")[:1]), 0)
        rows: QuerySet[Any] = super().get_queryset(request).annotate(behind=Greatest(last - F("acked_seq"), 0))
        return rows

    @display(description="Replica", ordering="name")
    def shown_name(self, replica: Replica) -> SafeString:
        return text_cell(replica.name or str(replica.pk), 40)

    @display(description="Behind", ordering="behind")
    def lag(self, replica: Any) -> str:
        return f"{replica.behind:,} changes" if replica.behind else "up to date"

    @display(description="Conflicts, rejected")
    def trouble(self, replica: Replica) -> str:
        return f"{replica.conflicts:,}, {replica.rejected:,}"

    @display(description="Last pull", ordering="last_pull_at")
    def pulled(self, replica: Replica) -> SafeString:
        return moment_cell(replica.last_pull_at, "never")

    @display(description="Last push", ordering="last_push_at")
    def pushed(self, replica: Replica) -> SafeString:
        return moment_cell(replica.last_push_at, "never")

    @display(description="Registered")
    def made(self, replica: Replica) -> SafeString:
        return moment_cell(replica.created_at)


@admin.register(PushedChange)
class PushedChangeAdmin(RecordAdmin):
    """Without what was pushed: it is in the registry or in a conflict, where its visibility is checked."""

    listed = ["change_id", "replica", "tenant_id", "at"]
    parents = {"replica": ["name"]}
    list_display = ["change", "of_replica", "tenant_id", "pushed"]
    list_filter = [TenantFilter, ("at", RangeDateTimeFilter)]
    search_fields = ["=change_id"]
    search_help_text = "A whole change id"
    ordering = ["-pk"]
    fields = [("change", "of_replica"), ("tenant_id", "pushed"), "shown_answer"]
    readonly_fields = ["change", "of_replica", "pushed", "shown_answer"]

    @display(description="Change")
    def change(self, pushed: PushedChange) -> SafeString:
        return code_cell(pushed.change_id)

    @display(description="Replica")
    def of_replica(self, pushed: PushedChange) -> SafeString:
        return text_cell(pushed.replica, 40)

    @display(description="Pushed", ordering="at")
    def pushed(self, pushed: PushedChange) -> SafeString:
        return moment_cell(pushed.at)

    @display(description="Answer")
    def shown_answer(self, pushed: PushedChange) -> SafeString:
        return json_cell(pushed.answer)


@admin.register(ChangeFeed)
class ChangeFeedAdmin(RecordAdmin):
    listed = ["agent_id", "tenant_id", "last_seq", "purged_through", "updated_at"]
    list_display = ["shown_agent", "tenant_id", "last_seq", "purged_through", "changed"]
    list_filter = [TenantFilter, exactly("agent_id", "agent")]
    search_fields = ["=agent_id"]
    search_help_text = "A whole agent id"
    ordering = ["-pk"]
    fields = [("shown_agent", "tenant_id"), ("last_seq", "purged_through"), "changed"]
    readonly_fields = ["shown_agent", "changed"]

    @display(description="Last change", ordering="updated_at")
    def changed(self, feed: ChangeFeed) -> SafeString:
        return moment_cell(feed.updated_at)


@admin.register(FeedItem)
class FeedItemAdmin(RecordAdmin):
    listed = ["seq", "agent_id", "tenant_id", "user_id", "kind", "object_id", "version", "reason", "at"]
    list_display = ["number", "shown_agent", "tenant_id", "shown_kind", "object", "shown_user", "reason", "emitted"]
    list_filter = [TenantFilter, ("kind", ChoicesDropdownFilter), exactly("agent_id", "agent")]
    search_fields = ["=agent_id", "=object_id"]
    search_help_text = "A whole agent id, or the whole id of an entry or conflict"
    ordering = ["-pk"]
    fields = [
        ("number", "shown_agent"),
        ("tenant_id", "shown_user"),
        ("shown_kind", "version"),
        ("object", "can_write"),
        ("reason", "emitted"),
    ]
    readonly_fields = ["number", "shown_agent", "shown_user", "shown_kind", "object", "emitted"]

    @display(description="Number", ordering="seq")
    def number(self, item: FeedItem) -> str:
        return f"#{item.seq}"

    @display(description="What", ordering="kind", label={"In the slice": "success", "Conflict": "warning"})
    def shown_kind(self, item: FeedItem) -> str:
        return str(item.get_kind_display())

    @display(description="Of")
    def object(self, item: FeedItem) -> SafeString:
        return code_cell(item.object_id)

    @display(description="Emitted", ordering="at")
    def emitted(self, item: FeedItem) -> SafeString:
        return moment_cell(item.at)
