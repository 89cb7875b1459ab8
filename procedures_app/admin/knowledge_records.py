"""What stands beside the knowledge: solutions, versions, errors as they happened, and what came of solutions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter, RangeDateTimeFilter, TextFilter
from unfold.decorators import display

from memoryhub.access.admin.base import BigTable, ListedColumns, ReadOnlyAdmin, VisibleRows
from memoryhub.access.admin.cells import code_cell, json_cell, moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter, exactly
from procedures_app.admin.links import link
from procedures_app.models import CapturedError, Feedback, KnowledgeVersion, Solution
from procedures_app.selectors_knowledge import prior_words, rate_words

#: What a foreign key's row needs to be named in a list.
TITLE = ("title",)


class RecordAdmin(ListedColumns, BigTable, VisibleRows, ReadOnlyAdmin):
    """Lists read only the columns that they show."""


class YesOrNo(RadioFilter):
    """A filter on a column that is true, false, or not said yet."""

    column = ""
    words: tuple[tuple[str, str], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.words)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        meant = {"yes": True, "no": False, "open": None}
        return queryset.filter(**{self.column: meant[self.value()]}) if self.value() in meant else queryset


class SolvedFilter(YesOrNo):
    title = "solved"
    parameter_name = column = "solved"
    words = (("yes", "The solution helped"), ("no", "It did not help"), ("open", "Not said yet"))


class WorkedFilter(YesOrNo):
    title = "outcome"
    parameter_name = column = "worked"
    words = (("yes", "Worked"), ("no", "Did not work"))


class OfProblemFilter(TextFilter):
    title = "problem id"
    parameter_name = "problem"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        try:
            return queryset.filter(knowledge=UUID(str(self.value()).strip()))
        except ValueError:
            return queryset.none()


@admin.register(Solution)
class SolutionAdmin(RecordAdmin):
    """Changed on the page of its problem."""

    empty_says = "Agents add solutions to problems, people do so on the page of a problem."
    listed = [
        "text",
        "knowledge",
        "success_rate",
        "successes",
        "failures",
        "usage_count",
        "status",
        "tenant_id",
        "updated_at",
    ]
    parents = {"knowledge": TITLE}
    list_display = ["begins", "of_problem", "rate", "shown_status", "tenant_id", "changed"]
    list_filter = [TenantFilter, ("status", ChoicesDropdownFilter), exactly("procedure", "procedure")]
    search_fields = ["text"]
    search_help_text = "Words of the solution"
    ordering = ["-pk"]
    fields = [
        "of_problem",
        "whole",
        ("rate", "explained"),
        ("shown_status", "procedure"),
        ("verified", "author"),
        ("used", "changed"),
    ]
    readonly_fields = ["of_problem", "whole", "rate", "explained", "shown_status", "verified", "used", "changed"]

    @display(description="Solution", ordering="text")
    def begins(self, solution: Solution) -> SafeString:
        return text_cell(solution.text, 90)

    @display(description="Problem")
    def of_problem(self, solution: Solution) -> SafeString:
        return link(solution.knowledge, 60)

    @display(description="Success rate", ordering="success_rate")
    def rate(self, solution: Solution) -> SafeString:
        return format_html(
            '{}<span class="hub-below">{}</span>', f"{solution.success_rate:.0%}", rate_words(solution).lower()
        )

    @display(description="What the rate starts with")
    def explained(self, solution: Solution) -> str:
        return prior_words()

    @display(description="State", ordering="status", label={"Active": "success", "Retired": "default"})
    def shown_status(self, solution: Solution) -> str:
        return str(solution.get_status_display())

    @display(description="Solution")
    def whole(self, solution: Solution) -> SafeString:
        return prose_cell(solution.text)

    @display(description="Verified by")
    def verified(self, solution: Solution) -> SafeString:
        return text_cell(solution.verified_by or "nobody yet", 60)

    @display(description="Last tried", ordering="last_used")
    def used(self, solution: Solution) -> SafeString:
        return moment_cell(solution.last_used, "not yet")

    @display(description="Changed", ordering="updated_at")
    def changed(self, solution: Solution) -> SafeString:
        return moment_cell(solution.updated_at)


@admin.register(KnowledgeVersion)
class KnowledgeVersionAdmin(RecordAdmin):
    """Compared and restored on the page of its knowledge."""

    empty_says = "Every change of a piece of knowledge makes one."
    listed = ["knowledge", "version", "author", "reason", "tenant_id", "at"]
    parents = {"knowledge": TITLE}
    list_display = ["shown_version", "of_knowledge", "author", "shown_reason", "tenant_id", "when"]
    list_filter = [TenantFilter, exactly("author", "author"), ("at", RangeDateTimeFilter)]
    ordering = ["-pk"]
    fields = [("of_knowledge", "shown_version"), ("author", "when"), "shown_reason", "shown_document"]
    readonly_fields = ["of_knowledge", "shown_version", "when", "shown_reason", "shown_document"]

    @display(description="Version", ordering="version")
    def shown_version(self, version: KnowledgeVersion) -> str:
        return f"v{version.version}"

    @display(description="Knowledge")
    def of_knowledge(self, version: KnowledgeVersion) -> SafeString:
        return link(version.knowledge, 60)

    @display(description="Reason")
    def shown_reason(self, version: KnowledgeVersion) -> SafeString:
        return text_cell(version.reason or "—", 120)

    @display(description="When", ordering="at")
    def when(self, version: KnowledgeVersion) -> SafeString:
        return moment_cell(version.at)

    @display(description="What it said")
    def shown_document(self, version: KnowledgeVersion) -> SafeString:
        return json_cell(version.document)


@admin.register(CapturedError)
class CapturedErrorAdmin(RecordAdmin):
    empty_says = "Agents send them to POST /memory/errors, or say them when an operation or a step fails."
    listed = [
        "message",
        "error_type",
        "agent_id",
        "tenant_id",
        "knowledge",
        "matched_by",
        "confidence",
        "solved",
        "created_at",
    ]
    parents = {"knowledge": TITLE}
    list_display = ["begins", "who", "of_problem", "match", "outcome", "when"]
    list_filter = [
        TenantFilter,
        ("matched_by", ChoicesDropdownFilter),
        SolvedFilter,
        exactly("agent_id", "agent"),
        exactly("error_type", "error type"),
        exactly("signature", "signature"),
        OfProblemFilter,
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["message"]
    search_help_text = "Words of the error"
    ordering = ["-pk"]
    fields = [
        "whole",
        ("of_problem", "match", "outcome"),
        "recommended",
        ("who", "when"),
        ("user_id", "session_id"),
        "of_operation",
        "shown_signature",
        "shown_context",
    ]
    readonly_fields = [
        "whole",
        "of_problem",
        "match",
        "outcome",
        "recommended",
        "who",
        "when",
        "of_operation",
        "shown_signature",
        "shown_context",
    ]

    @display(description="Error")
    def begins(self, error: CapturedError) -> SafeString:
        return format_html(
            '{}<span class="hub-below">{}</span>', text_cell(error.message, 90), text_cell(error.error_type, 50)
        )

    @display(description="Agent", ordering="agent_id")
    def who(self, error: CapturedError) -> SafeString:
        return format_html(
            '{}<span class="hub-below">{}</span>',
            text_cell(error.agent_id or "no agent", 30),
            text_cell(error.tenant_id, 30),
        )

    @display(description="Problem")
    def of_problem(self, error: CapturedError) -> SafeString:
        return link(error.knowledge, 60)

    @display(description="Match", ordering="matched_by")
    def match(self, error: CapturedError) -> str:
        words = str(error.get_matched_by_display())
        return words if error.matched_by == CapturedError.MatchedBy.NEW else f"{words}, {error.confidence:.0%}"

    @display(description="Solved", label={"yes": "success", "no": "danger", "not said yet": "default"})
    def outcome(self, error: CapturedError) -> str:
        return "not said yet" if error.solved is None else "yes" if error.solved else "no"

    @display(description="When", ordering="created_at")
    def when(self, error: CapturedError) -> SafeString:
        return moment_cell(error.created_at)

    @display(description="Message")
    def whole(self, error: CapturedError) -> SafeString:
        return prose_cell(error.message)

    @display(description="Recommended solution")
    def recommended(self, error: CapturedError) -> SafeString:
        return link(error.solution, 200)

    @display(description="Operation")
    def of_operation(self, error: CapturedError) -> SafeString:
        return link(error.operation)

    @display(description="Signature")
    def shown_signature(self, error: CapturedError) -> SafeString:
        return code_cell(error.signature)

    @display(description="Context")
    def shown_context(self, error: CapturedError) -> SafeString:
        return json_cell(error.context)


@admin.register(Feedback)
class FeedbackAdmin(RecordAdmin):
    empty_says = "Agents tell whether a solution worked: POST /memory/knowledge/feedback."
    listed = ["worked", "solution", "note", "author", "tenant_id", "created_at"]
    parents = {"solution": ("text",)}
    list_display = ["outcome", "of_solution", "shown_note", "author", "tenant_id", "when"]
    list_filter = [TenantFilter, WorkedFilter, exactly("author", "author"), ("created_at", RangeDateTimeFilter)]
    ordering = ["-pk"]
    fields = [("outcome", "author", "when"), "of_solution", "whole_note", ("of_error", "of_operation")]
    readonly_fields = ["outcome", "when", "of_solution", "whole_note", "of_error", "of_operation"]

    @display(description="Outcome", label={"worked": "success", "did not work": "danger"})
    def outcome(self, feedback: Feedback) -> str:
        return str(feedback)

    @display(description="Solution")
    def of_solution(self, feedback: Feedback) -> SafeString:
        return link(feedback.solution, 80)

    @display(description="Note")
    def shown_note(self, feedback: Feedback) -> SafeString:
        return text_cell(feedback.note or "—", 80)

    @display(description="Note")
    def whole_note(self, feedback: Feedback) -> SafeString:
        return prose_cell(feedback.note)

    @display(description="Error")
    def of_error(self, feedback: Feedback) -> SafeString:
        return link(feedback.error)

    @display(description="Operation")
    def of_operation(self, feedback: Feedback) -> SafeString:
        return link(feedback.operation)

    @display(description="When", ordering="created_at")
    def when(self, feedback: Feedback) -> SafeString:
        return moment_cell(feedback.created_at)
