"""The page of an entry says when its value is disputed, and leads to where that is decided."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from agents_app.models import Conflict
from memoryhub.registry.admin import panels
from memoryhub.registry.models import ContextEntry

MOST_SHOWN = 5


def disputed(request: HttpRequest, entry: ContextEntry) -> SafeString:
    """The open conflicts about an entry, for who may see them."""
    if not request.user.has_perm("agents_app.view_conflict"):
        return SafeString("")
    about = Q(entry=entry) | Q(other=entry)
    found = Conflict.objects.filter(about, status=Conflict.Status.OPEN).prefetch_related("candidates")
    conflicts = list(found.select_related("assignee", "entry", "other").order_by("created_at")[:MOST_SHOWN])
    if not conflicts:
        return SafeString("")
    return render_to_string("agents/entry_panel.html", {"conflicts": conflicts, "entry": entry})


panels.register(disputed)
