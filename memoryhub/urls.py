"""All doors of the hub."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from agents_app.api import urls as agents
from memoryhub.registry.api import urls as entries
from memoryhub.search.api import urls as search
from memoryhub.sync.api import urls as health
from procedures_app.api import urls as procedures
from sessions_app.api import urls as sessions

handler400 = "memoryhub.access.api.problems.bad_request"
handler404 = "memoryhub.access.api.problems.not_found"
handler500 = "memoryhub.access.api.problems.server_error"

#: One list, because Django tries them in turn: those asked most often stand first.
DOORS = [
    *entries.urlpatterns,
    *search.urlpatterns,
    *sessions.urlpatterns,
    *agents.urlpatterns,
    *procedures.urlpatterns,
    *health.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("memory/", include(DOORS)),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
