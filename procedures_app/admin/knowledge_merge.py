"""Two pieces of knowledge become one: choose the other, see what the result will hold, confirm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.http import urlencode

from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.registry.admin.entry_page import number
from procedures_app.admin.knowledge_page import SolutionRow, solutions
from procedures_app.admin.links import page_of
from procedures_app.models import Knowledge
from procedures_app.selectors_knowledge import twins
from procedures_app.services import curation

MERGE, SUPERSEDE = "merge", "supersede"
LONGEST_TERM = 200


@dataclass(frozen=True, slots=True)
class Held:
    """A solution of the result; ``moved``: it comes from the one that goes; ``twin``: the kept one says the same."""

    row: SolutionRow
    moved: bool
    twin: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of two: ``kept`` stays, ``gone`` goes."""

    how: str
    kept: Knowledge
    gone: Knowledge
    other: Knowledge

    @property
    def occurrences(self) -> int:
        return self.kept.occurrences + (self.gone.occurrences if self.how == MERGE else 0)

    @property
    def held(self) -> list[Held]:
        own = solutions(self.kept)
        said = {words(row.solution.text) for row in own}
        moved = solutions(self.gone) if self.how == MERGE else []
        return [
            *(Held(row, moved=False, twin=False) for row in own),
            *(Held(row, moved=True, twin=words(row.solution.text) in said) for row in moved),
        ]


def words(text: str) -> str:
    return " ".join(text.casefold().split())


def choose(
    request: HttpRequest, knowledge: Knowledge, context: dict[str, Any], *, principal: Principal
) -> HttpResponse:
    """GET: the search, and the preview of a chosen other one. POST: does what the preview showed."""
    plan = plan_of(request.POST if request.method == "POST" else request.GET, knowledge, principal)
    wrong = ""
    if request.method == "POST":
        wrong = carry_out(request, plan, principal)
        if not wrong and plan is not None:
            messages.success(request, told(plan))
            return HttpResponseRedirect(page_of(plan.kept))
    term = request.GET.get("q", "").strip()[:LONGEST_TERM]
    shown = {
        "knowledge": knowledge,
        "term": term,
        "plan": plan,
        "found": [] if plan else list(twins(knowledge, principal, term)),
        "wrong": wrong,
        "reason": request.POST.get("reason", ""),
        "ways": ways(plan, knowledge) if plan else [],
    }
    template = "procedures/knowledge_merge.html"
    return TemplateResponse(request, template, {**context, **shown}, status=409 if wrong else 200)


def plan_of(asked: Any, knowledge: Knowledge, principal: Principal) -> Plan | None:
    try:
        key = UUID(asked.get("other", ""))
    except ValueError:
        return None
    rows = Knowledge.objects.visible_to(principal).filter(tenant_id=knowledge.tenant_id)
    other = rows.filter(pk=key).exclude(pk=knowledge.pk).first()
    if other is None:
        return None
    how = SUPERSEDE if asked.get("how") == SUPERSEDE else MERGE
    kept, gone = (other, knowledge) if asked.get("keep") == "other" else (knowledge, other)
    return Plan(how, kept, gone, other)


def ways(plan: Plan, knowledge: Knowledge) -> list[dict[str, Any]]:
    """The four things that can become of two, as addresses of their previews."""
    found = []
    for how, keep in ((MERGE, "this"), (MERGE, "other"), (SUPERSEDE, "this"), (SUPERSEDE, "other")):
        kept = plan.other if keep == "other" else knowledge
        query = urlencode({"other": str(plan.other.pk), "how": how, "keep": keep})
        chosen = plan.how == how and plan.kept.pk == kept.pk
        found.append({"how": how, "keep": keep, "kept": kept, "query": query, "chosen": chosen})
    return found


def carry_out(request: HttpRequest, plan: Plan | None, principal: Principal) -> str:
    """What went wrong, in words; empty when it is done."""
    reason = request.POST.get("reason", "").strip()
    if plan is None:
        return "Choose the other one first. Nothing was changed."
    if not reason or len(reason) > LONGEST_REASON:
        return f"Say why, in at most {LONGEST_REASON} characters. Nothing was changed."
    for each, name in ((plan.kept, "kept_version"), (plan.gone, "gone_version")):
        if number(request.POST.get(name)) != each.version:
            return f"Somebody changed '{each.title}' since you looked. The preview shows it as it is now: look again."
    try:
        if plan.how == MERGE:
            version = plan.kept.version
            curation.merge(plan.kept.pk, plan.gone.pk, principal=principal, if_version=version, reason=reason)
        else:
            curation.supersede(plan.gone.pk, plan.kept.pk, principal=principal, reason=reason)
    except HubError as error:
        return error.message
    return ""


def told(plan: Plan) -> str:
    did = (
        f"'{plan.gone.title}' is part of this now."
        if plan.how == MERGE
        else f"This stands for '{plan.gone.title}' now."
    )
    return f"{did} To undo it, restore a version of that one."
