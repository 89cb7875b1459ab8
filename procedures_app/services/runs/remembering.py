"""Memory actions: carried out with the rights of the agent that came to the step, never more.

What they find is read with the run, by all who see that: an action speaks of whom its run is about and of nobody else,
and what other readers of the run may not see stays out of the output.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from memoryhub.access.exceptions import HubError, Invalid
from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.search.models import IndexRow
from memoryhub.search.services import search as searching
from procedures_app.documents import placeholders
from procedures_app.models import Run, StepRun
from procedures_app.services import knowledge
from procedures_app.services.runs import moving, work
from procedures_app.services.runs.held import HeldRun

STORED = ("key", "value", "scope", "layer", "category", "tags", "importance", "memory_type", "metadata", "priority")
RETRIEVED = ("key", "scope")
SEARCHED = ("query", "mode", "limit", "kinds")
CAPTURED = ("title", "content", "knowledge_type", "tags", "importance", "solution", "error")
#: Beside these, every action may name whom it speaks about: whom the run is about.
NAMING = ("user_id", "session_id")
#: In place of what other readers of the run may not see.
ENCRYPTED, OTHERS = "It is encrypted.", "Not everybody who reads the run may read it."
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
    check_named({name: given.pop(name, None) for name in NAMING}, held.run)
    return ACTIONS[action.get("do", "")](given, speaking_of(held.run, held.principal))


def check_named(named: Given, run: Run) -> None:
    """Raises Invalid for somebody whom the run is not about."""
    for name, said in named.items():
        if said and said != getattr(run, name):
            raise Invalid(f"with.{name}", "A step speaks of whom its run is about. Start the run for that user.")


def speaking_of(run: Run, caller: Principal) -> Principal:
    """The caller about exactly whom the run is about. Without ``admin``: that reaches users whom nobody named."""
    return replace(
        caller,
        named_user=run.user_id,
        named_session=run.session_id,
        permissions=caller.permissions - {"admin"},
    )


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
    why = withheld(found, encrypted=bool(found.get("encrypted")), principal=principal)
    shown = {name: found.get(name) for name in ("entry_id", "key", "sync_version")}
    return shown | ({"withheld": why} if why else {"value": found.get("value")})


def search(given: Given, principal: Principal) -> dict[str, Any]:
    answer = searching.search(**only(given, SEARCHED, "query"), principal=principal)
    reasons = reasons_to_withhold([one["id"] for one in answer.results], principal)
    results = [told(one, reasons.get(one["id"], OTHERS)) for one in answer.results]
    return {"results": json.loads(json.dumps(results, default=str)), "notice": answer.notice}


def told(result: Given, why: str) -> Given:
    return {**{name: result[name] for name in ("kind", "id", "score")}, "withheld": why} if why else result


def reasons_to_withhold(ids: list[UUID], principal: Principal) -> dict[UUID, str]:
    """Of every result why it stays out, empty where it does not."""
    rows = IndexRow.objects.filter(pk__in=ids).values("pk", "scope", "user_id", "session_id")
    secret = set(ContextEntry.objects.filter(pk__in=ids, encrypted=True).values_list("pk", flat=True))
    return {row["pk"]: withheld(row, encrypted=row["pk"] in secret, principal=principal) for row in rows}


def withheld(row: Given, *, encrypted: bool, principal: Principal) -> str:
    """Why it stays out of the output: a run tells of the user and session that it is about, no more."""
    if encrypted:
        return ENCRYPTED
    of_user = bool(principal.named_user) and row.get("user_id") == principal.named_user
    of_session = bool(principal.named_session) and row.get("session_id") == principal.named_session
    told = {"tenant": True, "global": True, "user": of_user or of_session, "session": of_session}
    return "" if told.get(row["scope"], False) else OTHERS


def capture_knowledge(given: Given, principal: Principal) -> dict[str, Any]:
    captured = knowledge.capture(**only(given, CAPTURED, "title", "content"), principal=principal)
    return {"knowledge_id": str(captured.knowledge.pk), "title": captured.knowledge.title, "created": captured.created}


ACTIONS: dict[str, Callable[[Given, Principal], dict[str, Any]]] = {
    "store": store,
    "retrieve": retrieve,
    "search": search,
    "capture_knowledge": capture_knowledge,
}
