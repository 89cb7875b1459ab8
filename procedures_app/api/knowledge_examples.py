"""Examples of requests in the description of the doors to knowledge and errors."""

from typing import Any

PATTERN: dict[str, Any] = {
    "title": "Database Connection Error",
    "content": {
        "error": "Connection timeout",
        "cause": "Network latency",
        "solution": "Implement retry with backoff",
    },
    "knowledge_type": "error_pattern",
    "tags": ["database", "network", "timeout"],
    "importance": 0.9,
}
SEARCH = {"query": "database time-outs", "tags": ["database"], "limit": 5}
MATCH = {"message": "psycopg.OperationalError: connection to server at 10.0.3.17, port 5432 failed: timeout expired"}
FEEDBACK = {
    "solution_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d",
    "worked": True,
    "error_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4e",
}
CHANGE = {"title": "Connections to the database time out", "reason": "Says what happens."}
SOLUTION = {"text": "Start the database, then retry.", "procedure": ""}
RESTORE = {"version": 1, "reason": "The change was wrong."}
VERIFY = {"reason": "Reproduced it on staging."}
MERGE = {"drop_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d", "reason": "The same cause."}
SUPERSEDE = {"by_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d", "reason": "Since version 3 it is done otherwise."}
ERROR: dict[str, Any] = {
    "message": "ConnectionRefusedError: [Errno 111] Connection refused: postgres at 10.0.3.17:5432",
    "context": {"task": "Deploy billing", "host": "db-1"},
}
_SOLUTION = {
    "id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d",
    "knowledge_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4e",
    "text": "Start the database, then retry.",
    "procedure": "",
    "success_rate": 0.93,
    "successes": 40,
    "failures": 2,
    "usage_count": 42,
    "last_used": "2026-03-02T10:00:00Z",
    "status": "active",
    "verified_by": "rita",
    "author": "general_assistant",
}
_PROBLEM = {
    "id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4e",
    "title": "Postgres does not run",
    "content": {"error": "Connection refused: postgres at <address>", "cause": "A reboot"},
    "knowledge_type": "error_pattern",
    "tags": ["database"],
    "importance": 0.9,
    "problem_signature": "econnrefused-postgres:2.4011be5e705ec5f9",
    "problem_description": "A reboot",
    "error_type": "ConnectionRefusedError",
    "template": "Connection refused: postgres at <address>",
    "solution": "Start the database, then retry.",
    "success_rate": 0.93,
    "usage_count": 42,
    "last_used": "2026-03-02T10:00:00Z",
    "occurrences": 57,
    "status": "active",
    "replaced_by": None,
    "verified_by": "rita",
    "verified_at": "2026-02-12T09:00:00Z",
    "user_id": None,
    "session_id": None,
    "author": "general_assistant",
    "version": 4,
    "created_at": "2026-01-02T10:00:00Z",
    "updated_at": "2026-02-12T09:00:00Z",
}
_MATCH = {
    "confidence": 0.97,
    "matched_by": "signature",
    "why": "The same signature.",
    "knowledge": _PROBLEM,
    "solutions": [_SOLUTION],
}
MATCHED = {
    "success": True,
    "signature": "econnrefused-postgres:2.4011be5e705ec5f9",
    "error_type": "ConnectionRefusedError",
    "template": "Connection refused: postgres at <address>",
    "matches": [_MATCH],
}
CAPTURED = {
    "success": True,
    "error": {
        "id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c50",
        **ERROR,
        "error_type": "ConnectionRefusedError",
        "signature": "econnrefused-postgres:2.4011be5e705ec5f9",
        "knowledge_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4e",
        "matched_by": "signature",
        "confidence": 0.97,
        "solution_id": "0199a3f4-6f0e-7c1d-9d0a-0d6f1a2b3c4d",
        "solved": None,
        "operation_id": None,
        "agent_id": "deploy-bot",
        "user_id": None,
        "session_id": None,
        "created_at": "2026-03-02T10:00:00Z",
    },
    "match": _MATCH,
}
