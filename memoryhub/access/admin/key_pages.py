"""The pages of a key's life: make, see once, rotate, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.generic import FormView, TemplateView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from memoryhub.access.admin import shown_once
from memoryhub.access.admin.base import principal_of, sees_all_tenants
from memoryhub.access.admin.forms import NO_TENANT, TenantChoice
from memoryhub.access.exceptions import HubError, Invalid
from memoryhub.access.models import ApiKey
from memoryhub.access.models.keys import SCOPES
from memoryhub.access.services import keys

MEANINGS = {
    "read": "read – find and read memories",
    "write": "write – store and change them",
    "admin": "admin – govern",
}
GRACES = [("0", "at once"), ("1", "in 1 hour"), ("24", "in 1 day"), ("168", "in 7 days"), ("", "when I revoke it")]


class CreateKeyForm(forms.Form):
    """What a key may do, and for whom."""

    name = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="What it is for, so that others know.",
    )
    tenant_id = TenantChoice(without="All of them: a platform key")
    agent_id = forms.CharField(
        required=False,
        label="Agent",
        widget=UnfoldAdminTextInputWidget,
        help_text="Binds the key to this agent. Empty: each request names its agent in X-Agent-Id.",
    )
    user_id = forms.CharField(
        required=False,
        label="User",
        widget=UnfoldAdminTextInputWidget,
        help_text="Binds the key to this user's memories. Empty: requests may name any user of the tenant.",
    )
    scopes = forms.MultipleChoiceField(
        label="Permissions",
        choices=[(scope, MEANINGS[scope]) for scope in SCOPES],
        initial=["read", "write"],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=3650,
        label="Ends after days",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: it works until it is revoked.",
    )

    def for_service(self) -> dict[str, Any]:
        data = self.cleaned_data
        days = data["days"]
        return {
            "tenant_id": None if data["tenant_id"] == NO_TENANT else data["tenant_id"],
            "agent_id": data["agent_id"] or None,
            "user_id": data["user_id"] or None,
            "scopes": data["scopes"],
            "name": data["name"],
            "expires_at": timezone.now() + timedelta(days=days) if days else None,
        }


class KeyPage(UnfoldModelAdminViewMixin):
    """A page of the key admin, with the mark of where it belongs."""

    title: ClassVar[str]
    request: HttpRequest
    model_admin: Any

    def get_context_data(self, **extra: Any) -> dict[str, Any]:
        return {**super().get_context_data(**extra), "opts": ApiKey._meta, "back": self.back()}

    def back(self) -> str:
        return reverse("admin:access_apikey_changelist")

    def shown_once(self, key: ApiKey, text: str) -> HttpResponse:
        address = reverse("admin:access_apikey_shown_once", args=[key.id])
        response = HttpResponseRedirect(address)
        shown_once.hand_over(self.request, response, key_id=str(key.id), text=text, path=address)
        return response


class CreateKeyPage(KeyPage, FormView):  # type: ignore[type-arg]
    title = "New API key"
    template_name = "admin/access/create_key.html"
    form_class = CreateKeyForm
    permission_required = "access.add_apikey"

    def get_form(self, form_class: type[CreateKeyForm] | None = None) -> CreateKeyForm:
        form: CreateKeyForm = super().get_form(form_class)
        if not sees_all_tenants(self.request):
            form.fields["tenant_id"] = TenantChoice()
        return form

    def form_valid(self, form: CreateKeyForm) -> HttpResponse:
        try:
            with transaction.atomic():  # what the verb refuses must not spoil the request's transaction
                key, text = keys.create(principal=principal_of(self.request), **form.for_service())
        except HubError as error:
            field = error.field if isinstance(error, Invalid) and error.field in form.fields else None
            form.add_error(field, error.message)
            return self.form_invalid(form)
        return self.shown_once(key, text)


class ShownOncePage(KeyPage, TemplateView):
    title = "Your new API key"
    template_name = "admin/access/shown_once.html"
    permission_required = "access.view_apikey"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        text = shown_once.take(request, key_id=str(kwargs["object_id"]))
        response = self.render_to_response(self.get_context_data(text=text, host=request.build_absolute_uri("/")))
        response.delete_cookie(shown_once.COOKIE, path=request.path, samesite="Strict")
        add_never_cache_headers(response)
        return response


class ConfirmForm(forms.Form):
    """What a revocation is asked for: why."""

    reason = forms.CharField(required=False, max_length=500, label="Reason", widget=UnfoldAdminTextInputWidget)


class RotateForm(forms.Form):
    """When the old key ends."""

    grace = forms.ChoiceField(
        choices=GRACES, required=False, initial="24", label="The old key ends", widget=UnfoldAdminSelectWidget
    )


class ConfirmPage(KeyPage, FormView):  # type: ignore[type-arg]
    """Asks before it does: GET shows the question, POST carries it out."""

    template_name = "admin/access/confirm_key.html"
    permission_required = "access.change_apikey"
    question: ClassVar[str]
    button: ClassVar[str]

    def key(self) -> ApiKey:
        found = keys.within_reach(principal_of(self.request)).filter(pk=unquote(self.kwargs["object_id"])).first()
        if found is None:
            raise Http404
        return found

    def back(self) -> str:
        return reverse("admin:access_apikey_change", args=[self.kwargs["object_id"]])

    def get_context_data(self, **extra: Any) -> dict[str, Any]:
        context = super().get_context_data(**extra)
        return context | {"key": self.key(), "question": self.question, "button": self.button}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                return self.carry_out(self.key(), form)
        except HubError as error:
            messages.error(self.request, error.message)
            return HttpResponseRedirect(self.back())

    def carry_out(self, key: ApiKey, form: Any) -> HttpResponse:
        raise NotImplementedError


class RevokeKeyPage(ConfirmPage):
    title = "Revoke API key"
    form_class = ConfirmForm
    question = "Whoever uses this key is locked out within seconds, and it cannot be brought back."
    button = "Revoke this key"

    def carry_out(self, key: ApiKey, form: ConfirmForm) -> HttpResponse:
        keys.revoke(principal=principal_of(self.request), key_id=key.id, reason=form.cleaned_data["reason"])
        messages.success(self.request, f"The key {key} is revoked.")
        return HttpResponseRedirect(self.back())


class RotateKeyPage(ConfirmPage):
    title = "Rotate API key"
    form_class = RotateForm
    question = (
        "A new key with the same rights is made and shown to you once. The old one works on for as long as you choose."
    )
    button = "Make the new key"

    def carry_out(self, key: ApiKey, form: RotateForm) -> HttpResponse:
        hours = form.cleaned_data["grace"]
        grace = timedelta(hours=int(hours)) if hours else None
        new, text = keys.rotate(principal=principal_of(self.request), key_id=key.id, grace=grace)
        return self.shown_once(new, text)
