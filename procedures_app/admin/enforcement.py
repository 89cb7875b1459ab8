"""What is enforced, in the admin: rules by kind of work, edited beside what they would have refused."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from memoryhub.access.admin.base import ServiceAdmin, VisibleRows, principal_of
from memoryhub.access.admin.cells import moment_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.admin.verbs import Call, Verb, VerbsMixin
from procedures_app import selectors_work
from procedures_app.admin.links import link
from procedures_app.admin.rule_form import NewRuleForm, RuleForm
from procedures_app.admin.work import MODES
from procedures_app.models import ANY_KIND, MEMORY_WRITE, EnforcementRule
from procedures_app.services import enforcement

SPECIAL = {ANY_KIND: "every kind without a rule", MEMORY_WRITE: "all that agents write"}


def remove(call: Call) -> str:
    rule: EnforcementRule = call.object
    enforcement.remove_rule(rule.kind, principal=call.principal)
    return f"The rule for '{rule.kind}' is gone. What holds now is the rule for *, or the hub's setting."


REMOVE = Verb(
    "remove",
    "Remove the rule",
    "Work of this kind is treated as every kind without a rule from then on.",
    remove,
    "delete",
    "none",
    danger=True,
    icon="delete",
)


@admin.register(EnforcementRule)
class EnforcementRuleAdmin(VerbsMixin, VisibleRows, ServiceAdmin):
    empty_says = "Until there is one, the setting procedures.enforcement holds for every kind of work."
    list_display = ["shown_kind", "shown_mode", "shown_procedure", "shown_note", "changed_by", "tenant_id", "changed"]
    list_filter = [("mode", ChoicesCheckboxFilter), TenantFilter]
    search_fields = ["kind", "note"]
    search_help_text = "Kind or note"
    list_select_related = ["procedure"]
    list_before_template = "procedures/rules_list.html"
    ordering = ["tenant_id", "kind"]
    form = RuleForm
    change_form_template = "procedures/rule.html"
    verbs = (REMOVE,)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = RuleForm if obj else NewRuleForm
        return super().get_form(request, obj, change, **{**options, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: EnforcementRule | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": [("kind", "tenant_id"), ("mode", "shown_procedure"), "note"]})]
        edited = [("mode", "procedure"), "note", "confirmed", "seen"]
        named: list[Any] = [("shown_kind", "tenant_id")] if obj else [("tenant_id", "kind")]
        return [(None, {"fields": [*named, *edited]})]

    def get_readonly_fields(self, request: HttpRequest, obj: EnforcementRule | None = None) -> list[str]:
        return ["shown_kind", "shown_procedure", "tenant_id"] if obj else []

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        rule = self.get_object(request, object_id) if object_id else None
        shown: dict[str, Any] = {"rule": rule, "buttons": self.buttons(request, rule) if rule is not None else []}
        if rule is not None or object_id is None:
            shown |= impact(request, rule)
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        return answer

    def save_model(self, request: HttpRequest, obj: EnforcementRule, form: Any, change: bool) -> None:
        said = form.cleaned_data
        saved = enforcement.set_rule(
            obj.kind if change else said["kind"],
            principal=principal_of(request).within(obj.tenant_id if change else said["tenant_id"]),
            mode=said["mode"],
            procedure=said["procedure"] or None,
            note=said["note"],
            if_version=said["seen"] if change else 0,
        )
        obj.pk, obj.kind, obj.mode = saved.pk, saved.kind, saved.mode

    @display(description="Kind of work", ordering="kind")
    def shown_kind(self, rule: EnforcementRule) -> SafeString:
        meant = SPECIAL.get(rule.kind)
        return text_cell(f"{rule.kind} ({meant})" if meant else rule.kind, 90)

    @display(description="Mode", ordering="mode", label=MODES)
    def shown_mode(self, rule: EnforcementRule) -> str:
        return str(rule.get_mode_display())

    @display(description="Procedure")
    def shown_procedure(self, rule: EnforcementRule) -> SafeString:
        return link(rule.procedure)

    @display(description="Note")
    def shown_note(self, rule: EnforcementRule) -> SafeString:
        return text_cell(rule.note or "—", 60)

    @display(description="Changed", ordering="updated_at")
    def changed(self, rule: EnforcementRule) -> SafeString:
        return moment_cell(rule.updated_at)


def impact(request: HttpRequest, rule: EnforcementRule | None) -> dict[str, Any]:
    """What agents did in the last day, so that nobody is surprised by what strict refuses."""
    principal, tenant = principal_of(request), rule.tenant_id if rule else None
    kinds = selectors_work.last_day(principal, tenant)
    return {
        "kinds": kinds,
        "of_this": next((each for each in kinds if rule and each.kind == rule.kind), None),
        "writes": selectors_work.writes_of_last_day(principal, tenant),
        "is_write": rule is not None and rule.kind == MEMORY_WRITE,
    }
