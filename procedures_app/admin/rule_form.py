"""The form of a rule: the service decides, and what it would refuse stands beside its field."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from memoryhub.access.admin.forms import TenantChoice
from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import Invalid
from procedures_app.models import ANY_KIND, MEMORY_WRITE, EnforcementRule, Mode, Procedure
from procedures_app.services.enforcement import canonical_kind

STRICT_MEANS = "This refuses work. Look at what agents did in the last day below, then tick the box to go on."


def procedures() -> list[tuple[str, str]]:
    """Names of procedures that a run can be started of; the query runs behind the user's walls."""
    rows = Procedure.objects.filter(status=Procedure.Status.ACTIVE, current__isnull=False).order_by("name")
    return [("", "None"), *((name, name) for name in rows.values_list("name", flat=True).distinct())]


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    mode = forms.ChoiceField(choices=Mode.choices, widget=UnfoldAdminSelectWidget)
    procedure = forms.ChoiceField(
        choices=procedures,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="In strict mode, work of this kind ends well only with a completed run of it.",
    )
    note = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Why, for whoever reads it later.",
    )
    confirmed = forms.BooleanField(required=False, label="I have looked at what strict would refuse")
    #: What the user saw: somebody else may have changed the rule meanwhile.
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = EnforcementRule
        fields = ["mode", "note"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.old_mode = self.instance.mode
        followed = self.instance.procedure
        self.initial.update(seen=self.instance.version, procedure=followed.name if followed else "")

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        self.check_strictness(found)
        if found.get("procedure") and self.kind_of(found) == MEMORY_WRITE:
            self.add_error("procedure", "Writing to memory follows no procedure. Require it for a kind of work.")
        if self.instance.tenant_id and found.get("seen") not in (None, self.instance.version):
            self.add_error(
                None,
                f"Somebody changed this rule meanwhile: it is at version {self.instance.version} now, you saw "
                f"{found['seen']}. Nothing was saved. Look at it in another tab, then save yours again.",
            )
            self.data = {**self.data.dict(), "seen": str(self.instance.version)}  # type: ignore[attr-defined]
        return found

    def check_strictness(self, found: dict[str, Any]) -> None:
        becomes_strict = found.get("mode") == Mode.STRICT and self.old_mode != Mode.STRICT
        if becomes_strict and not found.get("confirmed"):
            self.add_error("confirmed", STRICT_MEANS)

    def kind_of(self, found: dict[str, Any]) -> str:
        return str(self.instance.kind)

    def _post_clean(self) -> None:
        """What is wrong with the rule the service says, in one place and in its own words."""


class NewRuleForm(RuleForm):
    tenant_id = TenantChoice()
    kind = forms.CharField(
        label="Kind of work",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as deployment. * stands for every kind without a rule, memory_write for all that agents write.",
    )

    class Meta(RuleForm.Meta):
        fields = ["tenant_id", "kind", "mode", "note"]

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"].strip()
        try:
            return kind if kind == ANY_KIND else canonical_kind(kind)
        except Invalid as error:
            raise forms.ValidationError(error.message) from error

    def kind_of(self, found: dict[str, Any]) -> str:
        return str(found.get("kind", ""))

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        known = EnforcementRule.objects.filter(tenant_id=found.get("tenant_id"), kind=found.get("kind"))
        if known.exists():
            self.add_error("kind", "There is a rule for this kind already: change that one.")
        return found
