"""Examples of requests in the description of the doors to knowledge and errors."""

PATTERN = {
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
ERROR = {
    "message": "ConnectionRefusedError: [Errno 111] Connection refused: postgres at 10.0.3.17:5432",
    "context": {"task": "Deploy billing", "host": "db-1"},
}
