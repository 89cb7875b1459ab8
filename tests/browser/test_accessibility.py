"""WCAG 2.2 AA, as far as axe-core can tell, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import VIEWPORT, Watched, quick, watched
from tests.browser.hub import Hub

AXE = (Path(__file__).parent / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES = {
    "dashboard": "",
    "entries": "registry/contextentry/",
    "entry": "registry/contextentry/{entry}/change/?compare=1&with=3",
    "edit": "registry/contextentry/{entry}/edit/",
    "session": "sessions_app/session/{session}/change/",
    "hand-off": "sessions_app/handoff/",
    "deliveries": "sync/delivery/",
    "jobs": "sync/jobrun/overview/",
    "search models": "search/vectorspace/",
    "search model": "search/vectorspace/{space}/change/",
    "locks": "registry/entrylock/",
    "lock": "registry/entrylock/{locked}/change/",
    "locked entry": "registry/contextentry/{locked}/change/",
    "notices": "agents_app/notice/",
    "keys": "access/apikey/",
    "agents": "agents_app/agentprofile/",
    "agent": "agents_app/agentprofile/{agent}/change/",
    "sync run": "agents_app/syncrun/{broken_run}/change/",
    "replicas": "agents_app/replica/",
    "conflicts": "agents_app/conflict/",
    "no conflicts": "agents_app/conflict/?q=nothing",
    "decisions": "agents_app/conflict/?view=decided",
    "conflict": "agents_app/conflict/{conflict_clash}/change/",
    "conflict of three": "agents_app/conflict/{conflict_three}/change/",
    "duplicate": "agents_app/conflict/{conflict_duplicate}/change/",
    "decision": "agents_app/conflict/{decided}/change/",
    "runs": "procedures_app/run/",
    "run": "procedures_app/run/{run_open}/change/",
    "run that failed": "procedures_app/run/{run_failed}/change/",
    "approvals": "procedures_app/approval/",
    "skip": "procedures_app/approval/{approval}/change/",
    "escalation": "procedures_app/approval/{approval_failed}/change/",
}


@pytest.fixture(params=["light", "dark"])
def in_scheme(request: pytest.FixtureRequest, browser: Browser, hub: Hub, signed_in: str) -> Iterator[Watched]:
    scheme: Literal["light", "dark"] = request.param
    # the policy of the pages would refuse axe, which is put into them from outside
    context = quick(
        browser.new_context(storage_state=signed_in, viewport=VIEWPORT, color_scheme=scheme, bypass_csp=True)
    )
    yield watched(context.new_page(), hub)
    context.close()


def test_no_page_breaks_a_rule(in_scheme: Watched) -> None:
    found: list[str] = []
    for name, path in PAGES.items():
        found += broken(name, in_scheme.open(path.format(**in_scheme.hub.made)))
    assert found == [], "\n".join(found)


def test_deciding_breaks_no_rule(in_scheme: Watched) -> None:
    """Pages that only a click brings: a bulk preview, picks and an edited path, dialogs."""
    page = in_scheme.open("agents_app/conflict/?q=customer")
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("Chosen rows").select_option("merge_content")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#plan")
    found = broken("bulk preview", page)
    page = in_scheme.open(PAGES["conflict"].format(**in_scheme.hub.made))
    page.keyboard.press("e")
    page.keyboard.type("{")
    page.locator("#reason").focus()
    page.wait_for_selector("#mistake-0:not(:empty)")
    page.locator("summary", has_text="Preview JSON").click()
    found += broken("picks", page)
    page.get_by_role("button", name="Assign").click()
    found += broken("assign", page)
    assert found == [], "\n".join(found)


def broken(name: str, page: Page) -> list[str]:
    page.evaluate(AXE)
    result = page.evaluate("tags => axe.run({ runOnly: tags, resultTypes: ['violations'] })", TAGS)
    return [told(name, rule, node) for rule in result["violations"] for node in rule["nodes"]]


def told(name: str, rule: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{name}: {rule['id']}: {node['target']} {node['html'][:200]}"
