"""Addresses of the procedures area, under ``/memory/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from procedures_app.api.compliance import ComplianceView

urlpatterns: list[URLPattern] = [
    # before procedures/<name>: no procedure can be called so
    path("procedures/compliance", ComplianceView.as_view()),
]
