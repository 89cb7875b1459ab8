"""What is enforced, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from memoryhub.access.admin.base import ReadOnlyAdmin, VisibleRows
from memoryhub.access.admin.cells import moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter
from procedures_app.admin.links import link
from procedures_app.admin.work import MODES
from procedures_app.models import EnforcementRule


@admin.register(EnforcementRule)
class EnforcementRuleAdmin(VisibleRows, ReadOnlyAdmin):
    list_display = ["shown_kind", "shown_mode", "shown_procedure", "shown_note", "changed_by", "tenant_id", "changed"]
    list_filter = [("mode", ChoicesCheckboxFilter), TenantFilter]
    search_fields = ["kind", "note"]
    search_help_text = "Kind or note"
    list_select_related = ["procedure"]
    ordering = ["tenant_id", "kind"]
    fields = ["tenant_id", ("shown_kind", "shown_mode"), "shown_procedure", "whole_note", ("changed_by", "changed")]
    readonly_fields = ["shown_kind", "shown_mode", "shown_procedure", "whole_note", "changed"]

    @display(description="Kind of work", ordering="kind")
    def shown_kind(self, rule: EnforcementRule) -> SafeString:
        return text_cell(rule.kind, 60)

    @display(description="Mode", ordering="mode", label=MODES)
    def shown_mode(self, rule: EnforcementRule) -> str:
        return str(rule.get_mode_display())

    @display(description="Procedure")
    def shown_procedure(self, rule: EnforcementRule) -> SafeString:
        return link(rule.procedure)

    @display(description="Note")
    def shown_note(self, rule: EnforcementRule) -> SafeString:
        return text_cell(rule.note or "—", 60)

    @display(description="Note")
    def whole_note(self, rule: EnforcementRule) -> SafeString:
        return prose_cell(rule.note)

    @display(description="Changed", ordering="updated_at")
    def changed(self, rule: EnforcementRule) -> SafeString:
        return moment_cell(rule.updated_at)
