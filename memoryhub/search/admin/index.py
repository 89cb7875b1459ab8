"""The search index in the admin: what is found by which words, and whether its vectors are there yet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows
from memoryhub.access.admin.cells import code_cell, moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.search.models import IndexRow, Vector, VectorIndex

PAGES = {
    IndexRow.Kind.ENTRY: "admin:registry_contextentry_change",
    IndexRow.Kind.MESSAGE: "admin:sessions_app_message_change",
    IndexRow.Kind.KNOWLEDGE: "admin:procedures_app_knowledge_change",
    IndexRow.Kind.WORK: "admin:procedures_app_workrecord_change",
    IndexRow.Kind.PROCEDURE: "admin:procedures_app_procedure_change",
}


class VectorFilter(RadioFilter):
    title = "vector"
    parameter_name = "vector"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("made", "Made"), ("missing", "Not yet made")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {"made": Q(embedded=True), "missing": Q(embedded=False)}
        return queryset.filter(wanted.get(self.value() or "", Q()))


@admin.register(IndexRow)
class IndexRowAdmin(ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    list_display = ["begins", "shown_kind", "whose", "category", "counted", "vector", "happened"]
    list_filter = [
        TenantFilter,
        ("kind", ChoicesDropdownFilter),
        VectorFilter,
        exactly("category", "category"),
        exactly("session_id", "session"),
    ]
    search_fields = ["content"]
    search_help_text = "Part of the text, or a whole id"
    listed = [
        "kind",
        "tenant_id",
        "scope",
        "user_id",
        "session_id",
        "agent_id",
        "category",
        "words",
        "event_at",
        "content",
    ]
    ordering = ["-pk"]
    fields = [
        ("shown_kind", "shown_source", "whose"),
        ("category", "memory_type", "priority", "importance"),
        ("layer", "version", "archived"),
        ("happened", "ends", "counted"),
        "models",
        "whole",
    ]
    readonly_fields = ["shown_kind", "shown_source", "whose", "happened", "ends", "counted", "models", "whole"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndexRow]:
        rows: QuerySet[IndexRow] = super().get_queryset(request)
        return rows.annotate(embedded=Exists(Vector.objects.filter(row_id=OuterRef("pk"))))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
            return found

    @display(description="Text")
    def begins(self, row: IndexRow) -> SafeString:
        return text_cell(row.content, 70)

    @display(description="Kind", ordering="kind", label={"Entry": "primary", "Message": "info"})
    def shown_kind(self, row: IndexRow) -> str:
        return str(row.get_kind_display())

    @display(description="Belongs to", ordering="scope")
    def whose(self, row: IndexRow) -> SafeString:
        who = row.agent_id or row.session_id or row.user_id or row.tenant_id or "everybody"
        below = f"{row.scope} scope in {row.tenant_id or 'all tenants'}"
        return format_html('{}<span class="hub-below">{}</span>', text_cell(who, 30), text_cell(below, 60))

    @display(description="Words", ordering="words")
    def counted(self, row: IndexRow) -> str:
        return f"{row.words:,}"

    @display(description="Vector", label={"made": "success", "not yet": "warning"})
    def vector(self, row: Any) -> str:
        return "made" if row.embedded else "not yet"

    @display(description="Said or changed", ordering="event_at")
    def happened(self, row: IndexRow) -> SafeString:
        return moment_cell(row.event_at)

    @display(description="Ends")
    def ends(self, row: IndexRow) -> SafeString:
        return moment_cell(row.expires_at, "never")

    @display(description="From")
    def shown_source(self, row: IndexRow) -> SafeString:
        address = reverse(PAGES[IndexRow.Kind(row.kind)], args=[row.pk])
        return format_html('<a class="hub-link" href="{}">{}</a>', address, code_cell(row.pk))

    @display(description="Vectors of")
    def models(self, row: IndexRow) -> SafeString:
        names = Vector.objects.filter(row_id=row.pk).values_list("model", flat=True)
        return text_cell(", ".join(sorted(names)) or "none yet", 200)

    @display(description="Text")
    def whole(self, row: IndexRow) -> SafeString:
        return prose_cell(row.content)


STATUSES = {"In use": "success", "Being built": "info", "Failed: tried again later": "danger"}


@admin.register(VectorIndex)
class VectorIndexAdmin(ReadOnlyAdmin):
    """Of tenants with more rows than are compared exactly. A process of the hub builds and drops them."""

    list_display = ["tenant", "covers", "model", "shown_status", "vectors", "megabytes", "took", "built"]
    list_filter = [TenantFilter, ("status", ChoicesDropdownFilter)]
    fields = [
        ("tenant", "covers", "model"),
        ("shown_status", "attempts", "began"),
        "why",
        ("vectors", "dimension", "exact_up_to"),
        ("megabytes", "took", "built"),
        "large",
        "shown_name",
    ]
    readonly_fields = [
        "tenant", "covers", "shown_status", "vectors", "megabytes", "took", "built", "began", "why", "large",
        "shown_name",
    ]  # fmt: skip

    @display(description="Tenant", ordering="tenant_id")
    def tenant(self, index: VectorIndex) -> SafeString:
        return text_cell(index.tenant_id, 40)

    @display(description="Covers")
    def covers(self, index: VectorIndex) -> SafeString:
        return text_cell("all of the tenant" if index.reach is None else f"only {index.reach}", 60)

    @display(description="Status", ordering="status", label=STATUSES)
    def shown_status(self, index: VectorIndex) -> str:
        return str(index.get_status_display())

    @display(description="Vectors", ordering="rows")
    def vectors(self, index: VectorIndex) -> str:
        return f"{index.rows:,}"

    @display(description="Size", ordering="bytes")
    def megabytes(self, index: VectorIndex) -> str:
        return f"{index.bytes / 1e6:,.0f} MB" if index.bytes else "–"

    @display(description="Build took")
    def took(self, index: VectorIndex) -> str:
        return "–" if index.seconds is None else f"{index.seconds:,.0f} s"

    @display(description="Built", ordering="built_at")
    def built(self, index: VectorIndex) -> SafeString:
        return moment_cell(index.built_at, "not yet")

    @display(description="Last attempt began")
    def began(self, index: VectorIndex) -> SafeString:
        return moment_cell(index.started_at)

    @display(description="Why it failed")
    def why(self, index: VectorIndex) -> SafeString:
        return prose_cell(index.reason)

    @display(description="Large parts")
    def large(self, index: VectorIndex) -> SafeString:
        return prose_cell("\n".join(index.large_reaches))

    @display(description="Name in the database")
    def shown_name(self, index: VectorIndex) -> SafeString:
        return code_cell(index.name)
