"""What the addresses of the lists of runs and approvals ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal
from procedures_app import selectors_desk
from procedures_app.models import Approval, Run
from procedures_app.selectors_desk import View

LONGEST_TERM = 200
MOST_TENANTS = 500
#: Rows of a page.
ROWS = 25
#: A walk through a view looks this far.
LONGEST_WALK = 1000


@dataclass(frozen=True, slots=True)
class Filters:
    """Beside the fields, ``condition`` says what they mean. Unknown values of a list mean: all."""

    view: str = ""
    q: str = ""
    procedure: str = ""
    agent: str = ""
    tenant: str = ""

    views: ClassVar[Sequence[View]] = ()
    #: Where ``id``, procedure, agent and tenant are found.
    columns: ClassVar[Mapping[str, str]] = {}
    choices: ClassVar[Mapping[str, Sequence[str]]] = {}

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Self:
        found = cls(**{field.name: asked.get(field.name, "").strip()[:LONGEST_TERM] for field in fields(cls)})
        known = {"view": [view.name for view in cls.views], **cls.choices}
        unknown = {name: "" for name, values in known.items() if getattr(found, name) not in values}
        found = replace(found, **unknown)
        return found if found.view else replace(found, view=cls.views[0].name)

    @property
    def query(self) -> str:
        """For an address: what differs from the plain list."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        if said["view"] == self.views[0].name:
            del said["view"]
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def narrowed(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self) if field.name != "view")

    def condition(self) -> Q:
        found = Q()
        for name, column in self.columns.items():
            value = getattr(self, name, "")
            if value:
                found &= Q(**{column: value})
        return found & self.term() if self.q else found

    def term(self) -> Q:
        raise NotImplementedError

    def tabs(self, counts: Mapping[str, int], urgent: Sequence[str]) -> list[dict[str, Any]]:
        """The saved views with their counts; the filters go along."""
        return [
            {
                "title": view.title,
                "query": replace(self, view=view.name).query,
                "count": counts.get(view.name),
                "current": view.name == self.view,
                "urgent": view.name in urgent and bool(counts.get(view.name)),
            }
            for view in self.views
        ]


@dataclass(frozen=True, slots=True)
class RunFilters(Filters):
    status: str = ""

    views: ClassVar[Sequence[View]] = selectors_desk.RUN_VIEWS
    columns: ClassVar[Mapping[str, str]] = {
        "procedure": "procedure__name", "agent": "agent_id", "tenant": "tenant_id", "status": "status",
    }  # fmt: skip
    choices: ClassVar[Mapping[str, Sequence[str]]] = {"status": Run.Status.values}

    def term(self) -> Q:
        wanted = as_id(self.q)
        if wanted:
            return Q(pk=wanted) | Q(operation=wanted) | Q(parent__run=wanted)
        return Q(procedure__name__icontains=self.q) | Q(procedure_version__title__icontains=self.q)

    def rows(self, principal: Principal) -> QuerySet[Run]:
        return selectors_desk.runs_of(self.view, principal).filter(self.condition())


@dataclass(frozen=True, slots=True)
class ApprovalFilters(Filters):
    kind: str = ""

    views: ClassVar[Sequence[View]] = selectors_desk.APPROVAL_VIEWS
    columns: ClassVar[Mapping[str, str]] = {
        "procedure": "run__procedure__name", "agent": "asked_by", "tenant": "tenant_id", "kind": "kind",
    }  # fmt: skip
    choices: ClassVar[Mapping[str, Sequence[str]]] = {"kind": Approval.Kind.values}

    def term(self) -> Q:
        wanted = as_id(self.q)
        if wanted:
            return Q(pk=wanted) | Q(run=wanted)
        return Q(run__procedure__name__icontains=self.q) | Q(step_run__step_id__icontains=self.q)

    def rows(self, principal: Principal) -> QuerySet[Approval]:
        return selectors_desk.approvals_of(self.view, principal).filter(self.condition())


def as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 5 else 1


def tenants_of(principal: Principal) -> list[str]:
    return list(Tenant.objects.visible_to(principal).values_list("tenant_id", flat=True)[:MOST_TENANTS])
