"""Sample values for the examples in the API's description, by the names of fields: one story for all of them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
UUID = "019cac5b-6f25-7c8a-8d3e-1f2a3b4c5d6e"
MOMENT = "2026-03-02T10:00:00Z"

#: What a field is called, and what stands in it.
VALUES: dict[str, Any] = {
    "after": "RP",
    "agents": ["general_assistant", "code_specialist"],
    "alias": "preference",
    "before": "R",
    "categories": ["user_preferences"],
    "error": "",
    "error_message": "",
    "changed_by": "rita",
    "kind": "deployment",
    "known_solution": "Raise lock_timeout for migrations and run them at night.",
    "procedure": "memory-aware-deployment",
    "result": "v3.1.195 is live",
    "says": "Done yesterday (2 Mar 2026, 10:00:00 UTC) by deploy-bot, with success: v3.1.195 is live.",
    "error_type": "ConnectionRefusedError",
    "knowledge_type": "error_pattern",
    "problem_description": "Postgres does not run.",
    "problem_signature": "econnrefused-postgres:2.4011be5e705ec5f9",
    "signature": "econnrefused-postgres:2.4011be5e705ec5f9",
    "solution": "Start the database, then retry.",
    "template": "Connection refused: postgres at <address>",
    "text": "Start the database, then retry.",
    "verified_by": "rita",
    "task": "Deploy backend v3.1.195 to production",
    "letters": "RP",
    "query": "dark theme",
    "search_type": "hybrid",
    "source_agent": "general_assistant",
    "started_by": "general_assistant",
    "words": "reads others' memories, is told of them",
    "offered_by": ["code_specialist"],
    "escalation_reason": "1 changed by one side, 0 merged, 1 clash",
    "decision_reason": "The user said so today.",
    "decided_by": "rita",
    "undone_by": "",
    "why": "code_specialist: written last, at 2026-03-02 10:00:00 UTC",
    "pointer": "/theme",
    "options": ["base", "current", "candidate:1"],
    "changed": ["/theme"],
    "message": "Both changed this. Pick one, or edit it.",
    "candidate": "candidate:1",
    "outcome": "merged",
    "access_count": 12,
    "action": "stored",
    "agent_breakdown": {"alden": 120, "alice": 45},
    "agent_id": "code_specialist",
    "alternatives": [],
    "answer_reason": "first action",
    "author": "general_assistant",
    "capabilities": ["planning"],
    "category": "user_preferences",
    "code": "already_exists",
    "created_by": "general_assistant",
    "detail": "There is already an entry with this key.",
    "errors": [],
    "note": "for the weekly report",
    "resolution": "merge_content",
    "relationship_type": "supports",
    "revoked": ["code_specialist"],
    "checksum": "3b0c4f2e6d1a9b8c7d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c",
    "content": "The login page shows a blank screen.",
    "context_data": {"working_on": "auth/login.py", "blocked_by": None},
    "continuation_instructions": "Read auth/login.py and say why the cookie is not renewed.",
    "conversation_summary": "15 messages (8 from user, 7 from assistant)",
    "count": 2,
    "critical_facts": {"browser": "Firefox 140", "urgency": "high"},
    "critical_info": {"browser": "Firefox 140"},
    "current_agent": "code_specialist",
    "decision": "Sliding expiry",
    "description": "Find out why the login page stays blank",
    "duration_seconds": 3600,
    "end_reason": "completed",
    "failing_agents": ["code_specialist"],
    "from_agent": "general_assistant",
    "handoff_reason": "The cause is in the code",
    "fence": 7,
    "granted": True,
    "holder": "general_assistant",
    "id": "task_1",
    "importance": 0.8,
    "key": "customer_preference_123",
    "last_sequence": 2,
    "layer": "long_term",
    "locked": True,
    "message_count": 15,
    "name": "Caroline",
    "owner": "general_assistant",
    "package": {"summary": "15 messages (8 from user, 7 from assistant)", "open_tasks": ["task_1"]},
    "priority": "high",
    "queue": ["code_specialist"],
    "actor": "code_specialist",
    "asked_by": "code_specialist",
    "done_by": "code_specialist",
    "event": "step.done",
    "instruction": "Run the tests of the service that you deploy.",
    "outcome_reason": "",
    "proposal": "Test on a copy of production.",
    "step_id": "run-the-tests",
    "rationale": "Users stay signed in while they work.",
    "reason": "The user asked for it.",
    "scope": "user",
    "session_id": "session_abc123",
    "source": "ui_settings",
    "specialties": ["conversation", "tasks"],
    "status": "active",
    "strategy": "merge_content",
    "success": True,
    "summary": "15 messages (8 from user, 7 from assistant)",
    "sync_version": 3,
    "tags": ["login", "cookie"],
    "tenant_id": "acme",
    "title": "Renew the cookie on every request",
    "to_agent": "code_specialist",
    "to_agents": ["code_specialist"],
    "user_id": "user_789",
    "value": {"theme": "dark", "notifications": True},
    "working_memory": {"next_file": "auth/login.py"},
}
BY_FORMAT = {"uuid": UUID, "date-time": MOMENT}
BY_TYPE: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": False, "object": {}}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


#: For a text whose field is not among VALUES; a test fails when it shows.
UNKNOWN = "…"


class Samples:
    """Composes examples from the ``schemas`` of a document."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self.schemas = schemas

    def of(self, name: str, schema: Schema, *, sent: bool = False) -> Any:
        """A value of this schema. Of a body that is ``sent`` only what is required, if anything is."""
        found = self.plain(schema)
        if "enum" in found:
            return VALUES[name] if VALUES.get(name) in found["enum"] else found["enum"][0]
        if "properties" in found:
            return self.object(found, sent=sent)
        if name in VALUES and found.get("format") not in BY_FORMAT and fits(VALUES[name], found):
            return VALUES[name]
        if found.get("type") == "array":
            return [self.of(name, found["items"], sent=sent)]
        return self.scalar(name, found)

    def plain(self, schema: Schema) -> Schema:
        """Without references and wrappers."""
        if "$ref" in schema:
            return self.plain(self.schemas[schema["$ref"].rsplit("/", 1)[-1]])
        wrapped = schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf")
        return self.plain(wrapped[0]) if wrapped else schema

    def object(self, schema: Schema, *, sent: bool) -> dict[str, Any]:
        required = schema.get("required", [])
        shown = [name for name in schema["properties"] if not sent or name in required]
        return {name: self.of(name, schema["properties"][name], sent=sent) for name in shown}

    def scalar(self, name: str, schema: Schema) -> Any:
        if schema.get("nullable"):
            return None
        known = BY_FORMAT | BY_TYPE
        kinds = (schema.get("format", ""), schema.get("type", ""))
        return next((known[kind] for kind in kinds if kind in known), UNKNOWN)


def fits(value: Any, schema: Schema) -> bool:
    return isinstance(value, TYPES.get(schema.get("type", ""), (object,)))
