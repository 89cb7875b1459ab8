"""Addresses of the context doors, under ``/memory/``."""

from __future__ import annotations

from django.urls import path

from memoryhub.registry.api.context import OneEntryView, RetrieveView, StoreView

urlpatterns = [
    path("context/store", StoreView.as_view(), name="context-store"),
    path("context/retrieve", RetrieveView.as_view(), name="context-retrieve"),
    path("context/<uuid:entry_id>", OneEntryView.as_view(), name="context-entry"),
]
