"""Addresses of the search house, under ``/memory/``."""

from __future__ import annotations

from django.urls import path

from memoryhub.search.api.search import SearchView

urlpatterns = [path("context/search", SearchView.as_view())]
