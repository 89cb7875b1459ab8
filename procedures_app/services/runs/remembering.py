"""Memory actions: carried out with the rights of the agent that came to the step, never more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.db import DataError, IntegrityError, transaction

from memoryhub.access.exceptions import HubError, Invalid
from memoryhub.access.principals import Principal
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.search.services import search as searching
from procedures_app.documents import placeholders
from procedures_app.models import StepRun
from procedures_app.services import knowledge
from procedures_app.services.runs import moving, work
from procedures_app.services.runs.held import HeldRun

STORED = ("key", "value", "scope", "layer", "category", "tags", "importance", "memory_type", "metadata", "priority")
RETRIEVED = ("key", "scope")
SEARCHED = ("query", "mode", "limit", "kinds")
CAPTURED = ("title", "content", "knowledge_type", "tags", "importance", "solution", "error")
#: Beside these, every action may name whom it speaks about.
NAMING = ("user_id", "session_id")
Given = Mapping[str, Any]


def remember(held: HeldRun, step: StepRun) -> None:
    """Carries the action out in this turn; what refuses it is the step's failure."""
    try:
        with transaction.atomic():
            output = act(held, step)
    except (HubError, placeholders.PlaceholderMissing) as error:
        moving.failed(held, step, str(error))
    except (DataError, IntegrityError, TypeError, ValueError) as error:
        moving.failed(held, step, f"The action does not fit: {str(error).splitlines()[0]}", final=True)
    else:
        moving.answered(held, step, output)


def act(held: HeldRun, step: StepRun) -> dict[str, Any]:
    action = work.of(held, step).config.get("action") or {}
    given: dict[str, Any] = placeholders.fill(action.get("with") or {}, held.context())
    named = {name: given.pop(name, None) for name in NAMING}
    caller = held.principal.naming(
        user_id=named["user_id"] or held.run.user_id, session_id=named["session_id"] or held.run.session_id
    )
    return ACTIONS[action.get("do", "")](given, caller)


def only(given: Given, names: tuple[str, ...], *needed: str) -> dict[str, Any]:
    """Raises Invalid for what the action does not know, and for what it lacks."""
    unknown, lacking = set(given) - set(names), set(needed) - set(given)
    if unknown:
        raise Invalid("with", f"The action knows no {', '.join(sorted(unknown))}. It knows: {', '.join(names)}.")
    if lacking:
        raise Invalid("with", f"The action needs {', '.join(sorted(lacking))}.")
    return dict(given)


def store(given: Given, principal: Principal) -> dict[str, Any]:
    principal.require("write")
    stored = entries.store(Draft(**only(given, STORED, "key", "value")), principal=principal)
    return {"entry_id": str(stored.entry_id), "key": stored.key, "sync_version": stored.sync_version}


def retrieve(given: Given, principal: Principal) -> dict[str, Any]:
    principal.require("read")
    entry = entries.retrieve(**only(given, RETRIEVED, "key"), principal=principal)
    found = json.loads(entry.document)
    return {name: found.get(name) for name in ("entry_id", "key", "value", "sync_version")}


def search(given: Given, principal: Principal) -> dict[str, Any]:
    answer = searching.search(**only(given, SEARCHED, "query"), principal=principal)
    return {"results": json.loads(json.dumps(answer.results, default=str)), "notice": answer.notice}


def capture_knowledge(given: Given, principal: Principal) -> dict[str, Any]:
    captured = knowledge.capture(**only(given, CAPTURED, "title", "content"), principal=principal)
    return {"knowledge_id": str(captured.knowledge.pk), "title": captured.knowledge.title, "created": captured.created}


ACTIONS: dict[str, Callable[[Given, Principal], dict[str, Any]]] = {
    "store": store,
    "retrieve": retrieve,
    "search": search,
    "capture_knowledge": capture_knowledge,
}
