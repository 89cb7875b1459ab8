"""What the page of one operation shows: what memory said, what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from memoryhub.registry.admin.entry_page import sees
from procedures_app.admin.links import page_of
from procedures_app.models import Knowledge, Operation, Procedure, WorkRecord

ROWS_SHOWN = 10
#: Lists of the guidance, and what they are called on the page.
LISTS = (
    ("known_solutions", "Known solutions"),
    ("procedures", "Procedures"),
    ("similar_work", "Similar work"),
)
#: Where an item of the guidance keeps its words, the most telling first, and what stands below them.
WORDS = ("says", "title", "action", "name", "text")
BELOW = ("text", "summary")
#: Beside the words: what makes one item better than another.
SHARES = ("confidence", "likeness", "success_rate")


def span(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


def context(operation: Operation, request: HttpRequest) -> dict[str, Any]:
    """For ``procedures/operation.html``. Lists that the user may not see are None."""
    guidance = operation.guidance if isinstance(operation.guidance, dict) else {}
    return {
        "operation": operation,
        "guidance": guidance,
        "recommended": recommended(operation, guidance),
        "lists": [(title, [item(each) for each in listed(guidance, name)]) for name, title in LISTS],
        "warnings": [words_of(each) for each in listed(guidance, "warnings")],
        "done_before": words_of(guidance["already_done"]) if guidance.get("already_done") else "",
        "errors": rows(operation, request, "captured_errors"),
        "work": rows(operation, request, "work"),
        "runs": runs(operation, request),
    }


def rows(operation: Operation, request: HttpRequest, related: str) -> list[Any] | None:
    found = getattr(operation, related)
    name = found.model._meta.model_name
    return list(found.all()[:ROWS_SHOWN]) if sees(request, f"procedures_app.view_{name}") else None


def runs(operation: Operation, request: HttpRequest) -> list[tuple[Any, str]] | None:
    """With the address of each one's page."""
    if not sees(request, "procedures_app.view_run"):
        return None
    found = operation.runs.select_related("procedure_version")[:ROWS_SHOWN]
    return [(run, page_of(run)) for run in found]


def recommended(operation: Operation, guidance: dict[str, Any]) -> dict[str, str] | None:
    """The recommendation in words, and the page of what it recommends where there is one."""
    said = guidance.get("primary_recommendation")
    if not isinstance(said, dict):
        return None
    return {
        "kind": str(said.get("type", "")),
        "title": str(said.get("title") or said.get("name") or ""),
        "text": str(said.get("text") or ""),
        "why": str(said.get("why") or ""),
        "link": recommended_page(operation, said),
    }


def recommended_page(operation: Operation, said: dict[str, Any]) -> str:
    """Of the knowledge or the piece of work that it comes from, or of the procedure that it names."""
    inside = {"tenant_id": operation.tenant_id}
    for model, name in ((Knowledge, "knowledge"), (WorkRecord, "work")):
        if name in said:
            return row_page(model.objects.filter(**inside), said[name])
    found = Procedure.objects.filter(name=str(said.get("name")), **inside).first()
    return page_of(found) if found and said.get("type") == "procedure" else ""


def row_page(rows: QuerySet[Any], key: Any) -> str:
    try:
        found = rows.filter(pk=UUID(str(key))).first()
    except ValueError:
        return ""
    return page_of(found) if found else ""


def listed(guidance: dict[str, Any], name: str) -> list[Any]:
    found = guidance.get(name)
    return found[:ROWS_SHOWN] if isinstance(found, list) else []


def item(each: Any) -> dict[str, Any]:
    """Words, what stands below them, a share if it names one, and the whole item for what has no words."""
    words = words_of(each)
    if not isinstance(each, dict):
        return {"words": words, "below": "", "share": None, "whole": each}
    share = next((each[name] for name in SHARES if is_share(each, name)), None)
    below = first_text(each, BELOW)
    return {"words": words, "below": below if below != words else "", "share": share, "whole": each}


def is_share(each: dict[str, Any], name: str) -> bool:
    return isinstance(each.get(name), int | float) and not isinstance(each.get(name), bool)


def words_of(each: Any) -> str:
    return first_text(each, (*WORDS, *BELOW)) if isinstance(each, dict) else str(each)


def first_text(each: dict[str, Any], names: Iterable[str]) -> str:
    return next((str(each[name]) for name in names if isinstance(each.get(name), str) and each[name]), "")
