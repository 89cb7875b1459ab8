"""Forms of an agent's profile: what the service refuses stands beside its field, and no picks are lost."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from agents_app.models import AgentProfile
from agents_app.services import profile_fields
from memoryhub.access.admin.forms import TenantChoice
from memoryhub.access.exceptions import Invalid
from memoryhub.access.services.agents import checked_agent_id

EDITED = list(profile_fields.CHECKS)


def words(label: str, about: str) -> SimpleArrayField:
    return SimpleArrayField(
        forms.CharField(), label=label, required=False, help_text=about, widget=UnfoldAdminTextInputWidget
    )


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    memory_types = words("Memory types", "Types that it may store, with commas; the first is its default. Empty: all.")
    specialties = words("Specialties", "With commas.")
    capabilities = words("Capabilities", "With commas.")
    #: What the user saw: somebody else may have changed the profile meanwhile.
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = AgentProfile
        fields = EDITED
        widgets = {
            "priority": UnfoldAdminSelectWidget,
            "conflict_strategy": UnfoldAdminSelectWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["seen"] = self.instance.version

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        for name in EDITED:
            if name in found:
                self.check(name, found[name])
        if self.instance.tenant_id and found.get("seen") not in (None, self.instance.version):
            self.add_error(
                None,
                f"Somebody changed this profile meanwhile: it is at version {self.instance.version} now, you saw "
                f"{found['seen']}. Nothing was saved. Look at it in another tab, then save yours again.",
            )
            self.data = {**self.data.dict(), "seen": str(self.instance.version)}  # type: ignore[attr-defined]
        return found

    def check(self, name: str, value: Any) -> None:
        try:
            profile_fields.CHECKS[name](value)
        except Invalid as error:
            self.add_error(name, error.message)

    def said(self) -> dict[str, Any]:
        """The fields, as the service takes them."""
        return {name: self.cleaned_data[name] for name in EDITED}


class NewProfileForm(ProfileForm):
    """A new agent of one of the tenants that the user sees."""

    tenant_id = TenantChoice()
    agent_id = forms.CharField(label="Agent", max_length=200, widget=UnfoldAdminTextInputWidget)
    name = forms.CharField(label="Name", max_length=200, required=False, widget=UnfoldAdminTextInputWidget)

    class Meta(ProfileForm.Meta):
        fields = ["tenant_id", "agent_id", *EDITED]

    def clean_agent_id(self) -> str:
        agent_id: str = self.cleaned_data["agent_id"]
        try:
            checked_agent_id(agent_id)
        except Invalid as error:
            raise forms.ValidationError(error.message) from error
        return agent_id
