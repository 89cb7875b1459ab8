"""What the page of one operation shows: what memory said, what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from memoryhub.registry.admin.entry_page import sees
from procedures_app.admin.links import page_of
from procedures_app.models import Knowledge, Operation, Procedure

ROWS_SHOWN = 10
#: Lists of the guidance, and what they are called on the page.
LISTS = (
    ("known_solutions", "Known solutions"),
    ("procedures", "Procedures"),
    ("similar_work", "Similar work"),
)
#: Where an item of the guidance keeps its words, the most telling first.
WORDS = ("title", "text", "solution", "action", "problem", "task", "name")
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
        "why": str(said.get("why") or ""),
        "solution": solution_words(said.get("solution")),
        "link": recommended_page(operation, said),
    }


def solution_words(solution: Any) -> str:
    return words_of(solution) if isinstance(solution, dict) else str(solution or "")


def recommended_page(operation: Operation, said: dict[str, Any]) -> str:
    name = said.get("name")
    if said.get("type") != "procedure" or not isinstance(name, str):
        return knowledge_page(operation, said.get("knowledge_id"))
    found = Procedure.objects.filter(tenant_id=operation.tenant_id, name=name).first()
    return page_of(found) if found else ""


def knowledge_page(operation: Operation, key: Any) -> str:
    try:
        found = Knowledge.objects.filter(tenant_id=operation.tenant_id, pk=UUID(str(key))).first()
    except ValueError:
        return ""
    return page_of(found) if found else ""


def listed(guidance: dict[str, Any], name: str) -> list[Any]:
    found = guidance.get(name)
    return found[:ROWS_SHOWN] if isinstance(found, list) else []


def item(each: Any) -> dict[str, Any]:
    """Words, a share if it names one, and the whole item for who wants to know."""
    share = next((each[name] for name in SHARES if is_share(each, name)), None) if isinstance(each, dict) else None
    return {"words": words_of(each), "share": share, "whole": each}


def is_share(each: dict[str, Any], name: str) -> bool:
    return isinstance(each.get(name), int | float) and not isinstance(each.get(name), bool)


def words_of(each: Any) -> str:
    if not isinstance(each, dict):
        return str(each)
    return next((str(each[name]) for name in ("says", *WORDS) if isinstance(each.get(name), str) and each[name]), "")
