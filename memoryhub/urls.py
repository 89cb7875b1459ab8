"""All doors of the hub."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

handler400 = "memoryhub.access.api.problems.bad_request"
handler404 = "memoryhub.access.api.problems.not_found"
handler500 = "memoryhub.access.api.problems.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("memory/", include("memoryhub.sync.api.urls")),
    path("memory/", include("memoryhub.search.api.urls")),
    path("memory/", include("memoryhub.registry.api.urls")),
    path("memory/", include("sessions_app.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
