"""Examples of requests and answers, for the description of the API."""

from __future__ import annotations

from typing import Any

from memoryhub.openapi_samples import MOMENT, UUID

GUIDANCE: dict[str, Any] = {
    "task": "Fix memory leak in production",
    "context": {"severity": "high", "affecting_users": 1000},
}
BEGIN: dict[str, Any] = {
    "task": "Deploy backend v3.1.195 to production",
    "kind": "deployment",
    "context": {"changes": ["Added memory integration", "Fixed auth bug"], "risk_level": "medium"},
}
WORK_DONE: dict[str, Any] = {
    "id": UUID,
    "action": "Deploy backend v3.1.194 to production",
    "kind": "deployment",
    "task_id": None,
    "agent_id": "deploy-bot",
    "success": True,
    "result": "v3.1.194 is live",
    "error_message": None,
    "duration_ms": 81_000,
    "created_at": MOMENT,
}
SAYS = "Done yesterday (2 Mar 2026, 10:00:00 UTC) by deploy-bot, with success: v3.1.194 is live."
PROCEDURE: dict[str, Any] = {
    "type": "procedure",
    "name": "memory-aware-deployment",
    "title": "Memory-Aware Deployment",
    "summary": "Look at what went wrong before, then deploy and watch.",
    "kind": "deployment",
    "version": 2,
    "why": "It is for this kind of work and like the task; 11 of 12 runs were completed.",
    "required": False,
    "likeness": 0.97,
}
ADVICE: dict[str, Any] = {
    "confidence": 0.87,
    "confident": True,
    "primary_recommendation": PROCEDURE,
    "similar_work": [WORK_DONE | {"likeness": 0.91, "about": "", "says": SAYS}],
    "known_solutions": [],
    "procedures": [PROCEDURE | {"confidence": 0.87}],
    "warnings": [
        {
            "code": "past_failures",
            "text": "The last 1 of 3 pieces of work like this failed: migration timed out. "
            "The newest: yesterday (2 Mar 2026, 10:00:00 UTC).",
        }
    ],
    "already_done": None,
}
ADVISED: dict[str, Any] = {"success": True, "kind": "general", "mode": "advise", **ADVICE}
BEGUN: dict[str, Any] = {
    "success": True,
    "operation_id": UUID,
    "consultation_token": f"mhc_{UUID.replace('-', '')}_{'7c8a' * 16}",
    "kind": "deployment",
    "mode": "strict",
    "expires_at": MOMENT,
    "guidance": ADVICE,
}
FINISH: dict[str, Any] = {
    "consultation_token": BEGUN["consultation_token"],
    "success": True,
    "result": {"summary": "v3.1.195 is live"},
    "duration_ms": 81_000,
}
FAILED: dict[str, Any] = {
    "consultation_token": BEGUN["consultation_token"],
    "success": False,
    "error": {
        "message": "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout",
        "context": {"step": "migrate"},
    },
}
RULE: dict[str, Any] = {"mode": "strict", "procedure": "memory-aware-deployment", "note": "Since the outage in March"}
WORK: dict[str, Any] = {
    "action": "Send the invoice mail",
    "kind": "mail",
    "task_id": "invoice-17",
    "input": {"invoice": 17},
    "output": "Sent to pat",
    "success": True,
}
CHECKED: dict[str, Any] = {
    "success": True,
    "done": True,
    "by": "input",
    "says": SAYS,
    "likeness": None,
    "records": [WORK_DONE],
}

OPERATION: dict[str, Any] = {
    "success": True,
    "operation": {
        "id": UUID,
        "kind": "deployment",
        "task": BEGIN["task"],
        "task_id": None,
        "agent_id": "deploy-bot",
        "user_id": None,
        "session_id": None,
        "status": "succeeded",
        "mode": "strict",
        "confidence": 0.87,
        "procedure": "memory-aware-deployment",
        "procedure_required": False,
        "error_message": "",
        "duration_ms": 81_000,
        "begun_at": MOMENT,
        "finished_at": MOMENT,
        "expires_at": MOMENT,
        "context": BEGIN["context"],
        "result": {"summary": "v3.1.195 is live"},
        "guidance": ADVICE,
    },
}
ABANDONED: dict[str, Any] = {
    "success": True,
    "operation": OPERATION["operation"] | {"status": "abandoned", "result": None, "duration_ms": None},
}
