"""A row of everything about knowledge and work, written straight into the tables for pages that only read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import (
    CapturedError,
    EnforcementRule,
    Feedback,
    Knowledge,
    KnowledgeVersion,
    Operation,
    Solution,
    WorkRecord,
)


def problem(tenant: str, title: str = "The pool is exhausted", **fields: Any) -> Knowledge:
    """A problem that was met; with ``rates``, pairs of successes and failures, a solution of each."""
    rates = fields.pop("rates", [(4, 1)])
    said: dict[str, Any] = {
        "knowledge_type": "error_pattern",
        "text": title,
        "problem_signature": f"PoolError:{uuid4().hex[:16]}",
        "error_type": "PoolError",
        "template": f"{title} after <number> s",
        "occurrences": 1,
    }
    with behind_walls(system_principal("test", tenant)):
        made = Knowledge.objects.create(tenant_id=tenant, title=title, **said | fields)
        for number, (successes, failures) in enumerate(rates, 1):
            solution(made, f"Way {number} of: {title}", successes, failures)
        KnowledgeVersion.objects.create(
            tenant_id=tenant, knowledge=made, version=1, document={"title": title}, author="a", reason=title
        )
    return made


def solution(knowledge: Knowledge, text: str, successes: int = 0, failures: int = 0) -> Solution:
    tries = successes + failures
    return Solution.objects.create(
        tenant_id=knowledge.tenant_id,
        knowledge=knowledge,
        text=text,
        successes=successes,
        failures=failures,
        usage_count=tries,
        success_rate=(successes + 1) / (tries + 2),
        author="a",
    )


def operation(tenant: str, task: str = "Ship the release", **fields: Any) -> Operation:
    """One that ended well, unless ``status`` says otherwise."""
    said: dict[str, Any] = {
        "agent_id": "planner",
        "kind": "deployment",
        "mode": "advise",
        "status": "succeeded",
        "finished_at": timezone.now(),
        "expires_at": timezone.now() + timedelta(hours=4),
        "token_digest": uuid4().hex,
        "guidance": {"confidence": 0.9, "warnings": [{"code": "c", "text": task}]},
    }
    said |= fields
    if said["status"] == "begun":
        said["finished_at"] = None
    with behind_walls(system_principal("test", tenant)):
        return Operation.objects.create(tenant_id=tenant, task=task, **said)


def work(tenant: str, action: str = "Shipped the release", **fields: Any) -> WorkRecord:
    said: dict[str, Any] = {"agent_id": "planner", "kind": "deployment", "input_digest": uuid4().hex, "success": True}
    with behind_walls(system_principal("test", tenant)):
        return WorkRecord.objects.create(tenant_id=tenant, action=action, **said | fields)


def error(known: Knowledge, message: str = "PoolError after 31 s", **fields: Any) -> CapturedError:
    said: dict[str, Any] = {
        "agent_id": "planner",
        "error_type": known.error_type,
        "signature": known.problem_signature or "x",
        "matched_by": "signature",
        "confidence": 0.97,
    }
    with behind_walls(system_principal("test", known.tenant_id)):
        return CapturedError.objects.create(
            tenant_id=known.tenant_id, knowledge=known, message=message, **said | fields
        )


def rule(tenant: str, kind: str = "deployment", **fields: Any) -> EnforcementRule:
    with behind_walls(system_principal("test", tenant)):
        return EnforcementRule.objects.create(tenant_id=tenant, kind=kind, **{"mode": "advise"} | fields)


def one_of_each(tenant: str, words: str) -> None:
    """``words`` stand in each of them."""
    known = problem(tenant, words)
    done = operation(tenant, words)
    met = error(known, words, operation=done)
    work(tenant, words, operation=done)
    rule(tenant, "one_of_each", note=words)
    with behind_walls(system_principal("test", tenant)):
        tried = known.solutions.get()
        Feedback.objects.create(
            tenant_id=tenant, solution=tried, error=met, operation=done, worked=True, note=words, author="a"
        )


def version(known: Knowledge, number: int, document: dict[str, Any]) -> KnowledgeVersion:
    with behind_walls(system_principal("test", known.tenant_id)):
        return KnowledgeVersion.objects.create(
            tenant_id=known.tenant_id, knowledge=known, version=number, document=document, author="b"
        )


def solutions_of(known: Knowledge) -> list[Solution]:
    with behind_walls(system_principal("test", known.tenant_id)):
        return list(known.solutions.all())
