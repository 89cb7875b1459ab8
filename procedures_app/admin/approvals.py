"""Approvals: the queue, and the page on which one is decided."""

from __future__ import annotations

from django.contrib import admin

from memoryhub.access.admin.base import ReadOnlyAdmin
from procedures_app.models import Approval


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    pass
