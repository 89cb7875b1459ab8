"""The list of procedures: what is in force, what is being written, and how it is followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from agents_app.admin.sharing_matrix import tenants_of
from memoryhub.access.admin.base import principal_of
from memoryhub.access.principals import Principal
from procedures_app import selectors_procedures
from procedures_app.admin.desk_pages import DeskPages
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.selectors_procedures import DraftState, Runs

PER_PAGE = 50
MOST_PAGES = 400
LONGEST_TERM = 200
STATES = {"active": "Active", "draft": "With a draft", "unpublished": "Never published", "retired": "Retired"}


@dataclass(frozen=True)
class Filters:
    """What the address asks for. Unknown values mean: all."""

    q: str = ""
    state: str = ""
    kind: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filters:
        found = {field.name: asked.get(field.name, "").strip()[:LONGEST_TERM] for field in fields(cls)}
        return cls(**(found | {"state": found["state"] if found["state"] in STATES else ""}))

    @property
    def query(self) -> str:
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def narrowed(self) -> bool:
        return bool(self.query)

    def rows(self, principal: Principal) -> QuerySet[Procedure]:
        found = Procedure.objects.visible_to(principal).select_related("current")
        if self.tenant:
            found = found.filter(tenant_id=self.tenant)
        if self.kind:
            found = found.filter(current__kind=self.kind)
        if self.state:
            found = found.filter(self.in_state())
        if self.q:
            found = found.filter(Q(name__icontains=self.q) | Q(current__title__icontains=self.q) | self.drafted())
        return found.order_by("status", "tenant_id", "name")

    def in_state(self) -> Q:
        if self.state == "draft":
            return Q(Exists(drafts()))
        return Q(current=None) if self.state == "unpublished" else Q(status=self.state)

    def drafted(self) -> Q:
        return Q(Exists(drafts().filter(title__icontains=self.q)))


def drafts() -> QuerySet[ProcedureVersion]:
    rows: QuerySet[ProcedureVersion] = ProcedureVersion.objects.filter(procedure=OuterRef("pk"), status="draft")
    return rows


@dataclass(frozen=True, slots=True)
class Line:
    procedure: Procedure
    title: str
    kind: str
    draft: DraftState | None
    runs: Runs


class ListViews(DeskPages):
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        filters, principal = Filters.of(request.GET.dict()), principal_of(request)
        number = page_number(request)
        start = (number - 1) * PER_PAGE
        found = list(filters.rows(principal)[start : start + PER_PAGE + 1])
        tenants = tenants_of(principal)
        context: dict[str, Any] = {
            "lines": lines_of(found[:PER_PAGE], principal),
            "more": len(found) > PER_PAGE,
            "page": number,
            "filters": filters,
            "states": STATES.items(),
            "kinds": kinds_of(principal),
            "tenants": tenants,
            "tenant": filters.tenant if filters.tenant in tenants else (tenants[0] if tenants else ""),
        }
        return self.shown(request, "procedures/list.html", "Procedures", **context)


def page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "")
    return min(max(int(asked), 1), MOST_PAGES) if asked.isdecimal() and len(asked) < 7 else 1


def kinds_of(principal: Principal) -> list[str]:
    current = Procedure.objects.visible_to(principal).exclude(current=None)
    return list(current.order_by("current__kind").values_list("current__kind", flat=True).distinct()[:100])


def lines_of(found: list[Procedure], principal: Principal) -> list[Line]:
    runs = selectors_procedures.runs_of(found, principal)
    states = selectors_procedures.drafts_of(found, principal)
    titles = titles_of_drafts([one for one in found if one.current is None], principal)
    return [
        Line(
            one,
            one.current.title if one.current else titles.get(one.pk, ("", ""))[0] or one.name,
            one.current.kind if one.current else titles.get(one.pk, ("", ""))[1],
            states.get(one.pk),
            runs.get(one.pk, Runs()),
        )
        for one in found
    ]


def titles_of_drafts(found: list[Procedure], principal: Principal) -> dict[Any, tuple[str, str]]:
    """Title and kind of what was never published."""
    if not found:
        return {}
    rows = ProcedureVersion.objects.visible_to(principal).filter(procedure__in=found, status="draft")
    return {pk: (title, kind) for pk, title, kind in rows.values_list("procedure_id", "title", "kind")}
