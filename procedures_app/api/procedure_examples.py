"""Examples of requests and answers about procedures: one procedure in all of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

from memoryhub.access.api.schema import example
from procedures_app import documents

LIST = "1. Run the tests.\n   - Evidence: whether all tests passed\n2. Ask a person for approval.\n3. Deploy."
NEW: dict[str, Any] = {
    "title": "Ship it",
    "summary": "When a service goes live.",
    "kind": "deployment",
    "steps": [
        {
            "id": "run-the-tests",
            "title": "Run the tests",
            "evidence": [{"name": "tests_passed", "type": "boolean", "must_be": True}],
        },
        {"id": "deploy", "title": "Deploy"},
    ],
}
DOCUMENT = documents.read({"name": "ship-it", **NEW})
MOMENT = "2026-03-02T10:00:00Z"
VERSION = {
    "name": "ship-it",
    "version": 2,
    "title": "Ship it",
    "note": "Tests come first.",
    "author": "code_specialist",
    "based_on": 1,
    "published_by": "rita",
    "published_at": MOMENT,
}
HEAD = {
    "name": "ship-it",
    "status": "active",
    "version": 2,
    "title": "Ship it",
    "summary": "When a service goes live.",
    "kind": "deployment",
    "tags": [],
    "note": "Tests come first.",
    "published_by": "rita",
    "published_at": MOMENT,
    "draft_revision": None,
}
DRAFT = {
    "success": True,
    "name": "ship-it",
    "revision": 3,
    "based_on": 2,
    "newest": 2,
    "author": "code_specialist",
    "updated_at": MOMENT,
    "document": DOCUMENT,
    "problems": [],
}
MOVED = {
    "id": "deploy",
    "title": "Deploy",
    "change": "changed",
    "moved_by": -1,
    "changes": [
        {"field": "time_limit_seconds", "old": None, "new": 3600, "says": "the time limit was added"},
    ],
}
DIFF = {
    "success": True,
    "name": "ship-it",
    "says": ["Step “Deploy” moved up 1 place.", "Step “Deploy”: the time limit was added."],
    "changes": [],
    "steps": [MOVED],
}
CLASH = {
    "pointer": "/title",
    "label": "title",
    "kind": "clash",
    "side": "chosen",
    "base": "Ship",
    "published": "Ship it now",
    "draft": "Ship it",
    "result": "Ship it",
    "note": "the same lines were changed",
    "options": ["base", "published", "draft", "both"],
}
REBASED = {
    "success": True,
    "saved": True,
    "open": 0,
    "paths": [CLASH],
    "problems": [],
    "document": DOCUMENT,
    "revision": 4,
    "based_on": 2,
}


def answered(value: Any) -> OpenApiExample:
    return example("Answer", value)


LISTED = answered({"success": True, "results": [HEAD], "next": None})
READ = answered({"success": True, **HEAD, "document": DOCUMENT})
VERSIONS = answered({"success": True, "results": [VERSION], "next": None})
PUBLISHED = answered({"success": True, **VERSION, "document": DOCUMENT})
DRAFTED = answered(DRAFT)
PARSED = answered({"success": True, "document": DOCUMENT, "problems": []})
COMPARED = answered(DIFF)
MERGED = answered(REBASED)
TEXT = documents.render(DOCUMENT, "markdown")
EXPORTED = answered({"success": True, "name": "ship-it", "version": 2, "format": "markdown", "text": TEXT})
