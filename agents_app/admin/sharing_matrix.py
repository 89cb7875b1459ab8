"""The page of the sharing matrix: changes are collected, their impact is counted exactly, then they are saved."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from agents_app.admin import sharing_grid
from agents_app.admin.sharing_grid import Asked
from agents_app.exceptions import MatrixStale
from agents_app.models import Regrant
from agents_app.services import categories, matrix
from agents_app.services.sharing import Saved
from memoryhub.access.admin.base import principal_of
from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import HubError, Invalid
from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal

MOST_TENANTS = 500
RECENT_REGRANTS = 3
PAGE, PREVIEW, PROGRESS = (f"admin:agents_app_sharingrule_{name}" for name in ("matrix", "preview", "progress"))


def address(name: str, tenant: str, **more: str) -> str:
    return f"{reverse(name)}?{urlencode({'tenant': tenant, **more})}"


def tenants_of(principal: Principal) -> list[str]:
    """Active tenants in reach: sharing is looked at one tenant at a time."""
    found = Tenant.objects.visible_to(principal).filter(active=True).order_by("tenant_id")
    return list(found.values_list("tenant_id", flat=True)[:MOST_TENANTS])


def tenant_named(request: HttpRequest, known: list[str]) -> str:
    """The tenant of the address, else the one that was looked at last, else the first."""
    wanted = request.GET.get("tenant") or request.session.get("sharing_tenant", "")
    chosen = wanted if wanted in known else (known[0] if known else "")
    if chosen and request.session.get("sharing_tenant") != chosen:
        request.session["sharing_tenant"] = chosen
    return chosen


def page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """GET shows the matrix, POST saves what is pending."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    tenants = tenants_of(principal_of(request))
    tenant = tenant_named(request, tenants)
    if request.method == "POST":
        if not may_edit(request, model_admin):
            raise PermissionDenied
        return save(request, model_admin, tenants, tenant)
    return shown(request, model_admin, tenants, tenant, Asked())


def may_edit(request: HttpRequest, model_admin: Any) -> bool:
    return bool(model_admin.holds(request, "change")) and principal_of(request).is_admin


def shown(
    request: HttpRequest,
    model_admin: Any,
    tenants: list[str],
    tenant: str,
    asked: Asked,
    *,
    moved: list[dict[str, Any]] | None = None,
    problem: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Sharing matrix",
        "tenants": tenants,
        "tenant": tenant,
        "may_edit": may_edit(request, model_admin),
        "asked": asked,
        "moved": moved or [],
        "problem": problem,
        "access": sharing_grid.ACCESS,
        "legend": sharing_grid.LEGEND,
        "longest_reason": LONGEST_REASON,
        "tab": "matrix",
        **(of_tenant(request, tenant, asked) if tenant else {}),
    }
    return TemplateResponse(request, "agents/matrix.html", context, status=status)


def of_tenant(request: HttpRequest, tenant: str, asked: Asked) -> dict[str, Any]:
    principal = principal_of(request).within(tenant)
    found = matrix.effective(principal=principal)
    extra, mistake = added(request.GET.get("add", ""), principal)
    pending = {change.category for change in asked.changes} - set(found.categories)
    return {
        "grid": sharing_grid.grid_of(found, extra or next(iter(sorted(pending)), "")),
        "matrix": found,
        "added": extra,
        "mistake": mistake,
        "data": {
            "tenant": tenant,
            "rules": sharing_grid.rule_texts(found.rules),
            "pending": sharing_grid.as_rows(asked.changes),
            "fresh": not asked.changes and "saved" in request.GET,
        },
        "versions": found.versions,
        "page_url": address(PAGE, tenant),
        "preview_url": address(PREVIEW, tenant),
        **progress_of(tenant, principal),
    }


def added(name: str, principal: Principal) -> tuple[str, str]:
    """The category that somebody wants a row for, by its canonical name; or what is wrong with the name."""
    if not name:
        return "", ""
    try:
        return categories.canonical(name, principal=principal), ""
    except Invalid as error:
        return "", error.message


# -- preview and save ----------------------------------------------------------------------------------


def preview(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """The impact of what is pending, as a fragment; changes nothing."""
    if not may_edit(request, model_admin):
        raise PermissionDenied
    tenant = tenant_named(request, tenants_of(principal_of(request)))
    context: dict[str, Any] = {"longest_reason": LONGEST_REASON, "save_url": address(PAGE, tenant)}
    try:
        asked = sharing_grid.asked_of(request.POST)
        principal = principal_of(request).within(tenant)
        context |= {"asked": asked, "impact": matrix.preview(asked.changes, principal=principal)}
    except HubError as error:
        context |= {"problem": error.message}
    return TemplateResponse(request, "agents/matrix_impact.html", context)


def save(request: HttpRequest, model_admin: Any, tenants: list[str], tenant: str) -> HttpResponse:
    """Nothing is lost when it is refused: the pending changes and the reason stay on the page."""
    try:
        asked = sharing_grid.asked_of(request.POST)
    except Invalid as error:
        return shown(
            request, model_admin, tenants, tenant, Asked(), problem=error.message, status=HTTPStatus.BAD_REQUEST
        )
    problem = refusal_of(asked)
    if problem:
        return shown(request, model_admin, tenants, tenant, asked, problem=problem, status=HTTPStatus.BAD_REQUEST)
    try:
        principal = principal_of(request).within(tenant)
        saved = matrix.save(asked.changes, asked.versions, principal=principal, reason=asked.reason)
    except MatrixStale as error:
        moved = error.extra["cells"]
        return shown(request, model_admin, tenants, tenant, asked, moved=moved, status=HTTPStatus.CONFLICT)
    except HubError as error:
        return shown(request, model_admin, tenants, tenant, asked, problem=error.message, status=HTTPStatus.BAD_REQUEST)
    messages.success(request, told(saved, len(asked.changes)))
    return HttpResponseRedirect(address(PAGE, tenant, saved="1"))


def refusal_of(asked: Asked) -> str:
    """Why these changes are not saved yet."""
    if not asked.changes:
        return "Nothing is pending. Choose a cell and change it first."
    if asked.previewed != asked.digest:
        return "Look at the impact of exactly these changes first, then save."
    if not asked.reason or len(asked.reason) > LONGEST_REASON:
        return f"Say why, in 1 to {LONGEST_REASON} characters: the reason stays in the audit trail."
    return ""


def told(saved: Saved, cells: int) -> str:
    many = "1 cell" if cells == 1 else f"{cells} cells"
    if saved.regrant is None:
        return f"Saved {many}. No rule had to change."
    return f"Saved {many}. They hold for what is stored from now on; stored memories follow in the background."


# -- progress ------------------------------------------------------------------------------------------


def progress(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """How far re-granting is, as a fragment that asks again by itself while something is open."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    tenant = tenant_named(request, tenants_of(principal_of(request)))
    context = progress_of(tenant, principal_of(request).within(tenant)) if tenant else {}
    return TemplateResponse(request, "agents/matrix_progress.html", {**context, "tenant": tenant, "asked_again": True})


def progress_of(tenant: str, principal: Principal) -> dict[str, Any]:
    rows = Regrant.objects.visible_to(principal).filter(tenant_id=tenant)
    open_ones = list(rows.filter(status__in=(Regrant.Status.WAITING, Regrant.Status.RUNNING)).order_by("created_at"))
    failed = list(rows.filter(status=Regrant.Status.FAILED)[:RECENT_REGRANTS])
    return {"open_regrants": open_ones, "failed_regrants": failed, "progress_url": address(PROGRESS, tenant)}
