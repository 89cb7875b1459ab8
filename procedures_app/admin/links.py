"""Links between the pages of this house, for those who may follow them."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memoryhub.access import texts
from memoryhub.access.admin.cells import subtle, text_cell


def page_of(found: Model) -> str:
    """Its page; empty where the admin has none."""
    try:
        return reverse(f"admin:{found._meta.app_label}_{found._meta.model_name}_change", args=[found.pk])
    except NoReverseMatch:
        return ""


def link(found: Any, limit: int = 80) -> SafeString:
    """The row's own words, leading to its page; a dash for no row."""
    if found is None:
        return subtle(texts.NOTHING)
    address = page_of(found)
    if not address:
        return text_cell(found, limit)
    return format_html('<a class="hub-link" href="{}">{}</a>', address, text_cell(found, limit))
