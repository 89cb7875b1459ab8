"""Addresses of this house, under ``/memory/``."""

from __future__ import annotations

from django.urls import path

from memoryhub.sync.api.health import HealthView

urlpatterns = [path("health", HealthView.as_view())]
