"""What the pages of the desk share: addresses, who may do what, tenants, and finding a procedure behind its walls."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from agents_app.admin.sharing_matrix import tenants_of
from memoryhub.access.admin.base import principal_of
from memoryhub.access.principals import Principal
from procedures_app.models import Procedure, ProcedureVersion


def address(name: str, *args: Any, **query: Any) -> str:
    """The address of a page of the desk: ``list``, ``change``, ``draft``, ``publish`` …"""
    page = "changelist" if name == "list" else name
    asked = f"?{urlencode({key: value for key, value in query.items() if value not in (None, '')})}" if query else ""
    return reverse(f"admin:procedures_app_procedure_{page}", args=args) + asked


def acting(request: HttpRequest, tenant: str) -> Principal:
    """The signed-in person inside a tenant."""
    return principal_of(request).within(tenant)


def tenant_asked(request: HttpRequest) -> str:
    """The tenant that something new is for: the one that was named, else the first. 404 where there is none."""
    known = tenants_of(principal_of(request))
    wanted = request.POST.get("tenant") or request.GET.get("tenant") or ""
    if wanted in known:
        return wanted
    if wanted or not known:
        raise Http404
    return known[0]


class DeskPages:
    """For the ModelAdmin of procedures. ``found`` gives 404 for what is out of reach, 403 for who may not look."""

    admin_site: Any
    opts: Any

    def found(self, request: HttpRequest, object_id: Any) -> Procedure:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        procedure = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        if procedure is None:
            raise Http404
        assert isinstance(procedure, Procedure)
        return procedure

    def to_edit(self, request: HttpRequest, object_id: Any) -> Procedure:
        procedure = self.found(request, object_id)
        self.need_editor(request)
        return procedure

    def may_edit(self, request: HttpRequest) -> bool:
        holds = bool(self.holds(request, "change"))  # type: ignore[attr-defined]
        return holds and "write" in principal_of(request).permissions

    def need_editor(self, request: HttpRequest) -> None:
        if not self.may_edit(request):
            raise PermissionDenied

    def draft_of(self, procedure: Procedure) -> ProcedureVersion | None:
        drafts = ProcedureVersion.objects.filter(procedure=procedure, status=ProcedureVersion.Status.DRAFT)
        found: ProcedureVersion | None = drafts.select_related("procedure").prefetch_related("steps").first()
        return found

    def version_of(self, procedure: Procedure, number: int) -> ProcedureVersion:
        versions = ProcedureVersion.objects.filter(procedure=procedure, status=ProcedureVersion.Status.PUBLISHED)
        found: ProcedureVersion | None = (
            versions.filter(number=number).select_related("procedure").prefetch_related("steps").first()
        )
        if found is None:
            raise Http404
        return found

    def shown(
        self, request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        page = {
            **self.admin_site.each_context(request),
            "title": title,
            "original": context.get("procedure"),
            "opts": self.opts,
            "may_edit": self.may_edit(request),
            **context,
        }
        return TemplateResponse(request, template, page, status=status)
