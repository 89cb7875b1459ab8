"""Changing knowledge by hand, and adding a solution: forms that keep what was typed when they refuse."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.postgres.forms import SimpleArrayField
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from procedures_app.exceptions import KnowledgeStale
from procedures_app.models import Knowledge, Procedure
from procedures_app.selectors_knowledge import rate_words
from procedures_app.services import drafting, solutions
from procedures_app.services import knowledge as service
from procedures_app.services.rates import best_first

#: What the service takes; the others of the form are solutions, a reason and the version.
SAID = ("title", "problem_description", "knowledge_type", "tags", "importance")
PREFIX = "solution-"


class Lines(forms.CharField):
    """Browsers end lines otherwise than agents do: that alone changes nothing."""

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return found.replace("\r\n", "\n") if isinstance(found, str) else found


def lines(label: str, rows: int, **options: Any) -> forms.CharField:
    return Lines(label=label, widget=forms.Textarea(attrs={"rows": rows}), **options)


class Tags(SimpleArrayField):
    """Words with commas, and a space behind each for who reads them."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


class KnowledgeForm(forms.Form):
    """One piece of knowledge with the texts of its active solutions, against the version that was on the page."""

    title = forms.CharField(max_length=drafting.LONGEST_TITLE)
    problem_description = lines("Description", 3, required=False, max_length=drafting.LONGEST_TEXT)
    knowledge_type = forms.ChoiceField(label="Type", choices=Knowledge.Type.choices)
    tags = Tags(forms.CharField(), required=False, help_text="Separated by commas.")
    importance = forms.FloatField(min_value=0, max_value=1, help_text="0 to 1.")
    reason = forms.CharField(required=False, max_length=LONGEST_REASON)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, knowledge: Knowledge, data: Any = None) -> None:
        first = {name: getattr(knowledge, name) for name in (*SAID, "version")}
        super().__init__(data, initial=first)
        self.knowledge = knowledge
        if isinstance(knowledge.content, str):
            self.fields["content"] = lines("Content", 8, initial=knowledge.content.replace("\r\n", "\n"), strip=False)
        self.rows = best_first(knowledge.solutions.all())
        for number, each in enumerate(self.rows, 1):
            told = f"{each.success_rate:.0%}: {rate_words(each).lower()}"
            field = lines(f"Solution {number}", 3, max_length=solutions.LONGEST, initial=each.text, help_text=told)
            self.fields[f"{PREFIX}{each.pk}"] = field

    @property
    def solution_fields(self) -> list[Any]:
        return [self[f"{PREFIX}{each.pk}"] for each in self.rows]

    @property
    def content_field(self) -> Any:
        """None where the content is no text: what was captured as members stays as it was captured."""
        return self["content"] if "content" in self.fields else None

    def content_said(self) -> dict[str, str]:
        return {"content": self.cleaned_data["content"]} if "content" in self.changed_data else {}

    def save(self, principal: Principal) -> Knowledge:
        """All of it or nothing. Raises KnowledgeStale, and what else the services refuse."""
        said, reason = self.cleaned_data, self.cleaned_data["reason"]
        with transaction.atomic():
            changed = service.change(
                self.knowledge.pk,
                principal=principal,
                if_version=said["version"],
                reason=reason,
                **{name: said[name] for name in SAID},
                **self.content_said(),
            )
            for each in self.rows:
                text = said[f"{PREFIX}{each.pk}"]
                if text != each.text:
                    solutions.change(each.pk, principal=principal, text=text, reason=reason)
        return changed


def edit(
    request: HttpRequest, knowledge: Knowledge, context: dict[str, Any], *, principal: Principal, done: str
) -> HttpResponse:
    """Shows the form, and saves it."""
    form, stale = KnowledgeForm(knowledge, request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            form.save(principal)
        except KnowledgeStale as error:
            stale = error.extra["current_version"]
        except HubError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, "Saved. What it said before is kept as a version.")
            return HttpResponseRedirect(done)
    shown = {"form": form, "stale": stale, "knowledge": knowledge, "page": done}
    shown["version"] = stale or form["version"].value()
    status = 409 if stale else 422 if form.errors else 200
    return TemplateResponse(request, "procedures/knowledge_edit.html", {**context, **shown}, status=status)


class SolutionForm(forms.Form):
    text = lines("What to do", 6, max_length=solutions.LONGEST)
    procedure = forms.ChoiceField(
        label="Procedure to follow", required=False, help_text="Where solving it is a procedure of its own."
    )

    def __init__(self, tenant: str, data: Any = None) -> None:
        super().__init__(data)
        known = Procedure.objects.filter(tenant_id=tenant, status=Procedure.Status.ACTIVE).order_by("name")
        names = [(name, name) for name in known.values_list("name", flat=True)]
        field = self.fields["procedure"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "None"), *names]


def add_solution(
    request: HttpRequest, knowledge: Knowledge, context: dict[str, Any], *, principal: Principal, done: str
) -> HttpResponse:
    form = SolutionForm(knowledge.tenant_id, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            solutions.add(knowledge.pk, principal=principal, **form.cleaned_data)
        except HubError as error:
            form.add_error("text", error.message)
        else:
            messages.success(request, "Added. Agents are given it beside the others; its rate starts with the prior.")
            return HttpResponseRedirect(done)
    shown = {"form": form, "knowledge": knowledge, "page": done}
    status = 422 if form.errors else 200
    return TemplateResponse(request, "procedures/knowledge_solution.html", {**context, **shown}, status=status)
