"""Addresses of the agents area, under ``/memory/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from agents_app.api.feed import ChangesView, PushView, ReplicasView

urlpatterns: list[URLPattern] = [
    path("agents/replicas", ReplicasView.as_view()),
    path("agents/<str:agent_id>/changes", ChangesView.as_view()),
    path("agents/<str:agent_id>/push", PushView.as_view()),
]
