"""Knowledge in the admin: what the team knows, what of it needs a person, and the page of each piece."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter, RangeDateTimeFilter, TextFilter
from unfold.decorators import display

from memoryhub.access import texts
from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows, principal_of
from memoryhub.access.admin.cells import moment_cell, subtle, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from memoryhub.access.admin.verbs import VerbsMixin
from procedures_app.admin import knowledge_edit, knowledge_merge, knowledge_page
from procedures_app.admin.knowledge_verbs import BESIDE_ROWS, VERBS, is_active
from procedures_app.models import Knowledge
from procedures_app.selectors_knowledge import GROUNDS, grounds_of, needing, with_grounds


def page_name(page: str) -> str:
    return f"procedures_app_knowledge_{page}"


class NeedsFilter(RadioFilter):
    title = "needs curation"
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("any", "For any reason"), *((ground.name, ground.title) for ground in GROUNDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(needing(self.value())) if self.value() else queryset


class VerifiedFilter(RadioFilter):
    title = "verified"
    parameter_name = "verified"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "By a person"), ("no", "Not yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.exclude(verified_by="")
        return queryset.filter(verified_by="") if self.value() == "no" else queryset


class TagFilter(TextFilter):
    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


@admin.register(Knowledge)
class KnowledgeAdmin(VerbsMixin, ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    empty_says = "Agents capture it with POST /memory/knowledge. Errors that they send become problems by themselves."
    listed = [
        "title",
        "knowledge_type",
        "tags",
        "tenant_id",
        "problem_signature",
        "success_rate",
        "usage_count",
        "occurrences",
        "verified_by",
        "status",
        "updated_at",
    ]
    list_display = ["what", "kind", "rate", "tried", "met", "verified", "needs", "changed"]
    list_filter = [
        TenantFilter,
        NeedsFilter,
        ("knowledge_type", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        VerifiedFilter,
        TagFilter,
        exactly("error_type", "error type"),
        exactly("user_id", "user"),
        ("updated_at", RangeDateTimeFilter),
    ]
    search_fields = ["title", "text"]
    search_help_text = "Words, or a whole id"
    ordering = ["-pk"]
    list_before_template = "procedures/knowledge_list.html"
    verbs = VERBS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_grounds(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
            return found

    def get_urls(self) -> list[URLPattern]:
        pages = {"edit": self.edit_view, "add-solution": self.new_solution_view, "merge": self.merge_view}
        own = [
            path(f"<uuid:object_id>/{name}/", self.admin_site.admin_view(view), name=page_name(name))
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        knowledge = self.found(request, object_id)
        context = {
            **self.page_context(request, knowledge),
            **knowledge_page.context(knowledge, request),
            "buttons": self.buttons(request, knowledge),
            "may_edit": self.may_change(request, knowledge) and is_active(knowledge),
            "beside": {
                verb.name.replace("-", "_"): self.verb_address(knowledge, verb)
                for verb in BESIDE_ROWS
                if self.may(request, verb, knowledge)
            },
        }
        return TemplateResponse(request, "procedures/knowledge.html", context)

    def edit_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        knowledge, context = self.editable(request, object_id)
        acting = principal_of(request).within(knowledge.tenant_id)
        return knowledge_edit.edit(request, knowledge, context, principal=acting, done=self.page_of(knowledge))

    def new_solution_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        knowledge, context = self.editable(request, object_id)
        acting = principal_of(request).within(knowledge.tenant_id)
        return knowledge_edit.add_solution(request, knowledge, context, principal=acting, done=self.page_of(knowledge))

    def merge_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        knowledge, context = self.editable(request, object_id)
        acting = principal_of(request).within(knowledge.tenant_id)
        return knowledge_merge.choose(request, knowledge, context, principal=acting)

    def editable(self, request: HttpRequest, object_id: UUID) -> tuple[Knowledge, dict[str, Any]]:
        """With what its page needs. Who may look but not change gets 403."""
        knowledge = self.found(request, str(object_id))
        if not self.may_change(request, knowledge):
            raise PermissionDenied
        return knowledge, self.page_context(request, knowledge)

    def page_context(self, request: HttpRequest, knowledge: Knowledge) -> dict[str, Any]:
        """What every page of one piece of knowledge needs."""
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": knowledge,
            "title": texts.spelled_out(knowledge.title),
        }

    def found(self, request: HttpRequest, object_id: str) -> Knowledge:
        knowledge = self.get_object(request, object_id)
        if knowledge is None or not self.has_view_permission(request, knowledge):
            raise Http404
        assert isinstance(knowledge, Knowledge)
        return knowledge

    @display(description="Knowledge", ordering="title")
    def what(self, knowledge: Knowledge) -> SafeString:
        below = " · ".join([knowledge.tenant_id, *knowledge.tags])
        return format_html('{}<span class="hub-below">{}</span>', text_cell(knowledge.title, 90), text_cell(below, 60))

    @display(description="Type", ordering="knowledge_type")
    def kind(self, knowledge: Knowledge) -> SafeString:
        below = "" if knowledge.status == Knowledge.Status.ACTIVE else knowledge.get_status_display()
        return format_html('{}<span class="hub-below">{}</span>', knowledge.get_knowledge_type_display(), below)

    @display(description="Success rate", ordering="success_rate")
    def rate(self, knowledge: Knowledge) -> SafeString:
        if not knowledge.usage_count:
            return subtle("untried" if knowledge.problem_signature else texts.NOTHING)
        return format_html("{}", f"{knowledge.success_rate:.0%}")

    @display(description="Tried", ordering="usage_count")
    def tried(self, knowledge: Knowledge) -> str:
        return f"{knowledge.usage_count:,} ×" if knowledge.usage_count else texts.NOTHING

    @display(description="Met", ordering="occurrences")
    def met(self, knowledge: Knowledge) -> str:
        return f"{knowledge.occurrences:,} ×" if knowledge.problem_signature else texts.NOTHING

    @display(description="Verified", ordering="verified_by")
    def verified(self, knowledge: Knowledge) -> SafeString:
        return text_cell(knowledge.verified_by, 20) if knowledge.verified_by else subtle("not yet")

    @display(description="Needs")
    def needs(self, knowledge: Knowledge) -> SafeString:
        titles = ((ground.title,) for ground in grounds_of(knowledge))
        return format_html_join(" ", '<span class="hub-label hub-archived">{}</span>', titles) or subtle(texts.NOTHING)

    @display(description="Changed", ordering="updated_at")
    def changed(self, knowledge: Knowledge) -> SafeString:
        return moment_cell(knowledge.updated_at)
