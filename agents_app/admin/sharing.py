"""Sharing in the admin: the matrix, the rules behind it, aliases of categories, and re-granting."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from agents_app.admin import sharing_matrix
from agents_app.models import CategoryAlias, Regrant, SharingRule
from agents_app.services import categories, regranting, sharing
from agents_app.services.sharing import RuleChange
from memoryhub.access.admin.base import ReadOnlyAdmin, ServiceAdmin, principal_of
from memoryhub.access.admin.cells import moment_cell, prose_cell, text_cell
from memoryhub.access.admin.filters import TenantFilter
from memoryhub.access.admin.forms import TenantChoice
from memoryhub.access.admin.verbs import Call, Verb, VerbsMixin

ACTIONS = {"share": "info", "propagate": "success", "restrict": "danger"}


class AgentNames(forms.CharField):
    """Several agents, separated by commas; the service checks that they are registered."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [name for part in (super().to_python(value) or "").split(",") if (name := part.strip())]


class RuleForm(ModelForm):  # type: ignore[type-arg]
    tenant_id = TenantChoice()
    to_agents = AgentNames(required=False, label="To agents", help_text="Separated by commas; empty for a restriction.")

    class Meta:
        model = SharingRule
        fields = ["tenant_id", "category", "action", "from_agent", "to_agents", "can_write", "active", "note"]
        labels = {"from_agent": "From agent", "can_write": "May change", "active": "In force"}
        help_texts = {"from_agent": "Empty: whichever agent stores it."}
        widgets = dict.fromkeys(("category", "from_agent"), UnfoldAdminTextInputWidget)

    def _post_clean(self) -> None:
        """What is wrong with the rule the service says, in one place and in its own words."""


def remove_rule(call: Call) -> str:
    rule: SharingRule = call.object
    change = RuleChange(rule_id=rule.pk, if_version=rule.version, delete=True)
    sharing.save_rules([change], principal=call.principal, reason=call.reason)
    return "The rule is gone. The grants that it made follow in the background."


REMOVE_RULE = Verb(
    "remove",
    "Remove the rule",
    "What it shared is taken back in the background; what a restriction held back may be shared again.",
    remove_rule,
    "delete",
    "required",
    danger=True,
    icon="delete",
)


class PageWithVerbs(VerbsMixin):
    """The buttons of an object's verbs above its form."""

    change_form_template = "hub/verb_page.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        found = self.get_object(request, object_id)  # type: ignore[attr-defined]
        buttons = self.buttons(request, found) if found is not None else []
        context = {**(extra_context or {}), "buttons": buttons}
        return super().change_view(request, object_id, form_url, context)  # type: ignore[misc]


@admin.register(SharingRule)
class SharingRuleAdmin(PageWithVerbs, ServiceAdmin):
    """Beside the list stands the matrix, in which most rules are changed."""

    form = RuleForm
    list_display = [
        "shown_category",
        "shown_action",
        "source",
        "receivers",
        "rights",
        "in_force",
        "shown_note",
        "tenant_id",
    ]
    list_filter = [("action", ChoicesCheckboxFilter), "active", TenantFilter]
    search_fields = ["category", "from_agent", "note"]
    search_help_text = "Category, source or note"
    list_before_template = "agents/sharing_tabs_rules.html"
    ordering = ["category", "action"]
    fields = ["tenant_id", "category", "action", "from_agent", "to_agents", "can_write", "active", "note"]
    verbs = (REMOVE_RULE,)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("matrix/", view(self.matrix_view), name="agents_app_sharingrule_matrix"),
            path("matrix/preview/", view(self.preview_view), name="agents_app_sharingrule_preview"),
            path("matrix/progress/", view(self.progress_view), name="agents_app_sharingrule_progress"),
        ]
        return own + super().get_urls()

    def matrix_view(self, request: HttpRequest) -> HttpResponse:
        return sharing_matrix.page(request, self)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        return sharing_matrix.preview(request, self)

    def progress_view(self, request: HttpRequest) -> HttpResponse:
        return sharing_matrix.progress(request, self)

    def get_readonly_fields(self, request: HttpRequest, obj: SharingRule | None = None) -> list[str]:
        return ["tenant_id"] if obj else []

    def save_model(self, request: HttpRequest, obj: SharingRule, form: ModelForm[SharingRule], change: bool) -> None:
        said = {name: form.cleaned_data[name] for name in RuleForm.Meta.fields if name in form.cleaned_data}
        tenant = said.pop("tenant_id", None) or obj.tenant_id
        said["from_agent"] = said.get("from_agent") or None
        known: dict[str, Any] = {"rule_id": obj.pk, "if_version": obj.version} if change else {}
        saved = sharing.save_rules(
            [RuleChange(**known, **said)], principal=principal_of(request).within(tenant), reason="changed in the admin"
        )
        obj.pk, obj.category, obj.action = saved.rules[0].pk, saved.rules[0].category, saved.rules[0].action
        if saved.regrant:
            messages.info(request, "It holds for what is stored from now on; stored memories follow in the background.")

    @display(description="Category", ordering="category")
    def shown_category(self, rule: SharingRule) -> SafeString:
        return text_cell(rule.category, 60)

    @display(description="Action", ordering="action", label=ACTIONS)
    def shown_action(self, rule: SharingRule) -> str:
        return rule.action

    @display(description="From", ordering="from_agent")
    def source(self, rule: SharingRule) -> str:
        return rule.from_agent or "any agent"

    @display(description="To")
    def receivers(self, rule: SharingRule) -> SafeString:
        return text_cell(", ".join(rule.to_agents) or "—", 80)

    @display(description="Rights")
    def rights(self, rule: SharingRule) -> str:
        if rule.action == SharingRule.Action.RESTRICT:
            return "—"
        return "read and change" if rule.can_write else "read"

    @display(description="In force", label={"yes": "success", "no": "default"})
    def in_force(self, rule: SharingRule) -> str:
        return "yes" if rule.active else "no"

    @display(description="Note")
    def shown_note(self, rule: SharingRule) -> SafeString:
        return text_cell(rule.note or "—", 60)


class AliasForm(ModelForm):  # type: ignore[type-arg]
    tenant_id = TenantChoice()

    class Meta:
        model = CategoryAlias
        fields = ["tenant_id", "alias", "category"]
        help_texts = {
            "alias": "What agents write, for example preference.",
            "category": "What it stands for, for example user_preferences.",
        }
        widgets = dict.fromkeys(("alias", "category"), UnfoldAdminTextInputWidget)

    def _post_clean(self) -> None:
        """What is wrong with the alias the service says."""


def remove_alias(call: Call) -> str:
    categories.remove_alias(principal=call.principal, alias=call.object.pk)
    return f"'{call.object.alias}' stands for nothing else any more. Memories stored under it keep their category."


REMOVE_ALIAS = Verb(
    "remove",
    "Remove the alias",
    "From now on the word is a category of its own. Memories stored under it keep the category that it stood for.",
    remove_alias,
    "delete",
    "none",
    danger=True,
    icon="delete",
)


@admin.register(CategoryAlias)
class CategoryAliasAdmin(PageWithVerbs, ServiceAdmin):
    form = AliasForm
    list_display = ["alias", "leads_to", "tenant_id"]
    list_filter = [TenantFilter]
    search_fields = ["alias", "category"]
    search_help_text = "Alias or category"
    list_before_template = "agents/sharing_tabs_aliases.html"
    fields = ["tenant_id", "alias", "category"]
    verbs = (REMOVE_ALIAS,)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """An alias is made and removed; it is not another one by being edited."""
        return False

    @display(description="Stands for", ordering="category")
    def leads_to(self, alias: CategoryAlias) -> SafeString:
        return text_cell(alias.category, 80)

    def save_model(
        self, request: HttpRequest, obj: CategoryAlias, form: ModelForm[CategoryAlias], change: bool
    ) -> None:
        said = form.cleaned_data
        principal = principal_of(request).within(said["tenant_id"])
        saved = categories.save_alias(principal=principal, alias=said["alias"], category=said["category"])
        obj.pk, obj.alias, obj.category = saved.pk, saved.alias, saved.category


def retry(call: Call) -> str:
    regranting.retry(call.object.pk, principal=call.principal)
    return "It goes on within a minute, where it stopped."


RETRY = Verb(
    "retry",
    "Go on",
    "Continues where it was given up. Looking at a memory twice does no harm.",
    retry,
    "change",
    "none",
    available=lambda regrant: regrant.status == Regrant.Status.FAILED,
    icon="replay",
)


@admin.register(Regrant)
class RegrantAdmin(PageWithVerbs, ReadOnlyAdmin):
    list_display = ["what", "shown_status", "progress", "changes", "asked", "tenant_id"]
    list_filter = [("status", ChoicesCheckboxFilter), TenantFilter]
    list_before_template = "agents/sharing_tabs_regrants.html"
    fields = ["what", ("shown_status", "progress", "changes"), ("asked", "begun", "ended"), "why", "problem"]
    readonly_fields = ["what", "shown_status", "progress", "changes", "asked", "begun", "ended", "why", "problem"]
    verbs = (RETRY,)

    @display(description="Categories")
    def what(self, regrant: Regrant) -> SafeString:
        return text_cell(", ".join(regrant.categories) or "all categories", 80)

    @display(
        description="State",
        ordering="status",
        label={"waiting": "default", "running": "info", "done": "success", "failed": "danger"},
    )
    def shown_status(self, regrant: Regrant) -> str:
        return regrant.status

    @display(description="Looked at")
    def progress(self, regrant: Regrant) -> SafeString:
        total = regrant.total or regrant.done or 1
        share = 100 if regrant.status == Regrant.Status.DONE else min(100, regrant.done * 100 // total)
        bar = '<progress class="hub-progress" max="100" value="{}" aria-label="{} % looked at"></progress>'
        below = '<span class="hub-below">{} of {} memories</span>'
        if regrant.total is None:
            return format_html('<span class="hub-subtle">{}</span>', "not begun")
        return format_html(bar + below, share, share, f"{regrant.done:,}", f"{regrant.total:,}")

    @display(description="Grants")
    def changes(self, regrant: Regrant) -> str:
        return f"{regrant.granted:,} made, {regrant.revoked:,} taken back"

    @display(description="Asked for", ordering="created_at")
    def asked(self, regrant: Regrant) -> SafeString:
        return format_html(
            '{}<span class="hub-below">by {}</span>', moment_cell(regrant.created_at), regrant.started_by or "—"
        )

    @display(description="Began")
    def begun(self, regrant: Regrant) -> SafeString:
        return moment_cell(regrant.started_at, "not yet")

    @display(description="Ended")
    def ended(self, regrant: Regrant) -> SafeString:
        return moment_cell(regrant.finished_at, "not yet")

    @display(description="Reason")
    def why(self, regrant: Regrant) -> SafeString:
        return prose_cell(regrant.reason)

    @display(description="What went wrong")
    def problem(self, regrant: Regrant) -> SafeString:
        return prose_cell(regrant.error, "nothing")
