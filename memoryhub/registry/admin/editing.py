"""Changing the value of an entry by hand: a text area, checked by the server, saved against the version shown."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.views.decorators.debug import sensitive_post_parameters

from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.access.texts import pretty_json
from memoryhub.registry.exceptions import EntryStale
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change


def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a JSON object that says one name twice: keeping either would lose the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise forms.ValidationError(f'The name "{twin}" stands twice in one object. Keep one of them.')
    return found


def no_constants(text: str) -> Any:
    raise forms.ValidationError(f"{text} is not JSON. Use a number, a text or null.")


class ValueForm(forms.Form):
    """A JSON value, why it changes, and the version that was on the page."""

    value = forms.CharField(strip=False, widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false"}))
    reason = forms.CharField(required=False, max_length=LONGEST_REASON)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_value(self) -> Any:
        text = self.cleaned_data["value"]
        try:
            return json.loads(text, object_pairs_hook=no_twins, parse_constant=no_constants)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
        except (RecursionError, ValueError) as error:
            raise forms.ValidationError("This is nested too deeply, or holds a number that is too long.") from error


@sensitive_post_parameters("value")
def edit(
    request: HttpRequest, entry: ContextEntry, context: dict[str, Any], *, principal: Principal, done: str
) -> HttpResponse:
    """Shows the form, and saves it. A refusal keeps what was typed."""
    form = ValueForm(request.POST or None, initial=as_shown(entry))
    stale: int | None = None
    if request.method == "POST" and form.is_valid():
        try:
            stored = save(entry, form.cleaned_data, principal.within(entry.tenant_id))
        except EntryStale as error:
            stale = error.extra["current_version"]
        except HubError as error:
            form.add_error("value", error.message)
        else:
            messages.success(request, f"Saved as version {stored.sync_version}.")
            return HttpResponseRedirect(done)
    status = 409 if stale else 422 if form.errors else 200
    page = {
        **context,
        "form": form,
        "stale": stale,
        "entry": entry,
        "page": done,
        "version": shown_version(form, stale),
    }
    return TemplateResponse(request, "registry/entry_edit.html", page, status=status)


def as_shown(entry: ContextEntry) -> dict[str, Any]:
    return {"value": pretty_json(entry.value), "version": entry.sync_version}


def shown_version(form: ValueForm, stale: int | None) -> Any:
    """After a refusal for being stale the form saves over the version that it was told of."""
    return stale or form["version"].value()


def save(entry: ContextEntry, fields: dict[str, Any], principal: Principal) -> entries.Stored:
    change = Change(value=fields["value"], reason=fields["reason"], if_version=fields["version"])
    return entries.change(entry.pk, change, principal=principal)
