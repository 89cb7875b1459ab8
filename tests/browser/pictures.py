"""Not collected by default: ``python -m tests.browser.screenshots`` runs it and looks at nothing, people do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from memoryhub.config import ROOT
from tests.browser.conftest import VIEWPORT, Watched, quick, watched
from tests.browser.hub import Hub

FOLDER = ROOT / "screenshots"
PAGES = {
    "dashboard": "",
    "entries": "registry/contextentry/",
    "entry": "registry/contextentry/{entry}/change/",
    "entry-compared": "registry/contextentry/{entry}/change/?compare=1&with=3",
    "entry-hostile": "registry/contextentry/{hostile}/change/",
    "entry-edit": "registry/contextentry/{entry}/edit/",
    "sessions": "sessions_app/session/",
    "session": "sessions_app/session/{session}/change/",
    "handoffs": "sessions_app/handoff/",
    "sharing-matrix": "agents_app/sharingrule/matrix/?tenant={team}",
    "sharing-matrix-many": "agents_app/sharingrule/matrix/?tenant={studio}",
    "sharing-rules": "agents_app/sharingrule/",
    "agents": "agents_app/agentprofile/",
    "agent": "agents_app/agentprofile/{agent}/change/",
    "sync-runs": "agents_app/syncrun/",
    "sync-run": "agents_app/syncrun/{broken_run}/change/",
    "replicas": "agents_app/replica/",
    "search-index": "search/indexrow/",
    "search-models": "search/vectorspace/",
    "search-model": "search/vectorspace/{space}/change/",
    "locks": "registry/entrylock/",
    "lock": "registry/entrylock/{locked}/change/",
    "notices": "agents_app/notice/",
    "keys": "access/apikey/",
    "audit": "access/auditevent/",
    "outbox": "sync/delivery/",
    "jobs": "sync/jobrun/overview/",
    "runs": "procedures_app/run/",
    "run": "procedures_app/run/{run_open}/change/",
    "run-done": "procedures_app/run/{run_done}/change/",
    "run-hostile": "procedures_app/run/{run_hostile}/change/",
    "approvals": "procedures_app/approval/",
    "approval-skip": "procedures_app/approval/{approval}/change/",
    "approval-failed": "procedures_app/approval/{approval_failed}/change/",
    "approval-confirm": "procedures_app/approval/{approval_confirm}/change/",
    "approval-otherwise": "procedures_app/approval/{approval_other}/change/",
    "conflicts": "agents_app/conflict/",
    "conflicts-decided": "agents_app/conflict/?view=decided",
    "conflicts-none": "agents_app/conflict/?view=critical&q=nothing",
    "conflict": "agents_app/conflict/{conflict_clash}/change/",
    "conflict-text": "agents_app/conflict/{conflict_prose}/change/",
    "conflict-creation": "agents_app/conflict/{conflict_creation}/change/",
    "conflict-three": "agents_app/conflict/{conflict_three}/change/",
    "conflict-duplicate": "agents_app/conflict/{conflict_duplicate}/change/",
    "conflict-hostile": "agents_app/conflict/{hostile_conflict}/change/",
    "procedures": "procedures_app/procedure/",
    "procedure": "procedures_app/procedure/{procedure}/change/",
    "procedure-draft": "procedures_app/procedure/{procedure}/draft/",
    "procedure-publish": "procedures_app/procedure/{procedure}/publish/",
    "procedure-rebase": "procedures_app/procedure/{procedure_behind}/rebase/",
    "procedure-compare": "procedures_app/procedure/{procedure}/compare/?from=1&to=2",
    "procedure-version": "procedures_app/procedure/{procedure}/versions/1/",
    "procedure-hostile": "procedures_app/procedure/{hostile_procedure}/draft/",
    "procedure-new": "procedures_app/procedure/new/",
    "procedure-import": "procedures_app/procedure/import/",
    "knowledge": "procedures_app/knowledge/",
    "knowledge-needing": "procedures_app/knowledge/?needs=any",
    "knowledge-none": "procedures_app/knowledge/?q=nothing-of-the-kind",
    "knowledge-page": "procedures_app/knowledge/{knowledge}/change/",
    "knowledge-compared": "procedures_app/knowledge/{knowledge}/change/?compare=1&with=4",
    "knowledge-hostile": "procedures_app/knowledge/{hostile_knowledge}/change/",
    "knowledge-practice": "procedures_app/knowledge/{practice}/change/",
    "knowledge-edit": "procedures_app/knowledge/{knowledge}/edit/",
    "knowledge-choose": "procedures_app/knowledge/{knowledge}/merge/?q=timed",
    "knowledge-merge": "procedures_app/knowledge/{knowledge}/merge/?other={twin}",
    "errors": "procedures_app/capturederror/",
    "operations": "procedures_app/operation/",
    "operation": "procedures_app/operation/{operation}/change/",
    "work": "procedures_app/workrecord/",
    "enforcement": "procedures_app/enforcementrule/",
    "enforcement-rule": "procedures_app/enforcementrule/{rule}/change/",
    "compliance": "procedures_app/operation/compliance/",
    "compliance-none": "procedures_app/operation/compliance/?agent=nobody",
    "compliance-wrong": "procedures_app/operation/compliance/?since=2030-01-01",
    "conflict-deletion": "agents_app/conflict/{conflict_gone}/change/?view=snoozed",
}


#: Pictures of the README, with the height of the window.
README = {
    "dashboard": 768,
    "session": 1000,
    "entry-compared": 768,
    "conflict": 768,
    "conflicts": 768,
    "procedure-draft": 768,
    "approval-skip": 768,
}


@pytest.fixture(params=["light", "dark"])
def camera(request: pytest.FixtureRequest, browser: Browser, hub: Hub, signed_in: str) -> Iterator[Watched]:
    scheme: Literal["light", "dark"] = request.param
    context = quick(browser.new_context(storage_state=signed_in, viewport=VIEWPORT, color_scheme=scheme))
    made = watched(context.new_page(), hub)
    made.scheme = scheme
    yield made
    context.close()


def take(page: Page, name: str, scheme: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=picture(f"{name}-{scheme}"))
    page.screenshot(path=picture(f"{name}-{scheme}-full"), full_page=True)


def picture(name: str) -> Path:
    return FOLDER / f"{name}.png"


def test_pictures_of_pages(camera: Watched) -> None:
    for name, path in PAGES.items():
        take(camera.open(path.format(**camera.hub.made), settle=True), name, camera.scheme)
    assert camera.complaints == []


def test_pictures_of_the_readme(browser: Browser, hub: Hub, signed_in: str) -> None:
    context = quick(browser.new_context(storage_state=signed_in, color_scheme="light"))
    visitor = watched(context.new_page(), hub)
    for name, height in README.items():
        visitor.page.set_viewport_size(ViewportSize(width=VIEWPORT["width"], height=height))
        visitor.open(PAGES[name].format(**hub.made), settle=True).screenshot(path=picture(f"readme-{name}"))
    context.close()


def test_picture_of_a_dialog(camera: Watched) -> None:
    page = camera.open(PAGES["entry"].format(**camera.hub.made))
    page.get_by_role("button", name="Restore version 1").click()
    take(page, "entry-restore", camera.scheme)


def test_pictures_of_a_bulk_decision_and_of_picks(camera: Watched) -> None:
    page = camera.open(PAGES["conflicts"] + "?q=customer")
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("Chosen rows").select_option("merge_content")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#plan")
    take(page, "conflicts-bulk", camera.scheme)
    page = camera.open(PAGES["conflict"].format(**camera.hub.made))
    page.keyboard.press("2")
    page.wait_for_selector("#summary .hub-good")
    take(page, "conflict-picked", camera.scheme)


def test_picture_of_a_sharing_change(camera: Watched) -> None:
    page = camera.open(PAGES["sharing-matrix"].format(**camera.hub.made))
    page.locator('[data-category="user_preferences"][data-agent="alice"]').focus()
    page.keyboard.press("w")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    take(page, "sharing-cell", camera.scheme)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Preview impact").click()
    page.wait_for_selector("#save")
    take(page, "sharing-impact", camera.scheme)


def test_pictures_of_editing_a_procedure(camera: Watched) -> None:
    page = camera.open(PAGES["procedure-draft"].format(**camera.hub.made))
    page.locator("[data-toggle]", has_text="Run the tests").click()
    page.locator("[id='row:steps.0']").scroll_into_view_if_needed()
    take(page, "procedure-step", camera.scheme)
    page.locator('[name="steps.0.title"]').fill("")
    page.locator('[name="steps.2.max_attempts"]').evaluate("one => one.value = 'many'")
    camera.expect_refusal(422)
    page.get_by_role("button", name="Check").click()
    page.wait_for_selector("#problems")
    take(page, "procedure-problems", camera.scheme)
    page = camera.open(PAGES["procedure-draft"].format(**camera.hub.made))
    page.get_by_role("button", name="Edit as YAML").click()
    page.wait_for_selector("#text")
    take(page, "procedure-yaml", camera.scheme)
    page = camera.open("procedures_app/procedure/paste/")
    page.locator("textarea[name=text]").fill(page.locator("textarea[name=text]").get_attribute("placeholder") or "")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector("#preview")
    take(page, "procedure-paste", camera.scheme)


def test_picture_of_a_new_key(camera: Watched) -> None:
    page = camera.open("access/apikey/add/")
    take(page, "key-form", camera.scheme)
    page.get_by_label("Name").fill(f"reporting, {camera.scheme}")
    page.get_by_label("Tenant").select_option("acme")
    page.get_by_role("button", name="Make the key").click()
    page.wait_for_selector("#new-key")
    take(page, "key-created", camera.scheme)


def test_picture_of_signing_in(browser: Browser, hub: Hub) -> None:
    context = quick(browser.new_context(viewport=VIEWPORT))
    page = context.new_page()
    page.goto(hub.page("login/"))
    take(page, "sign-in", "light")
    context.close()
