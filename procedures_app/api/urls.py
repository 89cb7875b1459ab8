"""Addresses of the procedures area, under ``/memory/``."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
