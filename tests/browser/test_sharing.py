"""The sharing matrix in a browser: by keyboard alone, two people at once, zoomed, and by the rules of axe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.browser.conftest import Watched, quick, watched
from tests.browser.hub import Hub
from tests.browser.test_accessibility import AXE, TAGS, in_scheme, told

MATRIX = "agents_app/sharingrule/matrix/?tenant={team}"
PAGES = {
    "matrix": MATRIX,
    "matrix of many agents": "agents_app/sharingrule/matrix/?tenant={studio}",
    "rules": "agents_app/sharingrule/",
    "aliases": "agents_app/categoryalias/",
    "re-granting": "agents_app/regrant/",
    "new rule": "agents_app/sharingrule/add/",
}
__all__ = ["in_scheme"]


def cell(page: Page, category: str, agent: str) -> Locator:
    return page.locator(f'[data-category="{category}"][data-agent="{agent}"]')


def matrix(visitor: Watched) -> Page:
    return visitor.open(MATRIX.format(**visitor.hub.made))


def change(page: Page, category: str, agent: str, key: str) -> None:
    cell(page, category, agent).focus()
    page.keyboard.press(key)


def preview(page: Page) -> None:
    page.get_by_role("button", name="Preview impact").click()
    page.wait_for_selector("#save")


@pytest.fixture
def colleague(browser: Browser, hub: Hub, signed_in: str) -> Iterator[Watched]:
    context = quick(browser.new_context(storage_state=signed_in))
    made = watched(context.new_page(), hub)
    yield made
    context.close()
    assert made.complaints == []


def test_no_page_of_sharing_breaks_a_rule(in_scheme: Watched) -> None:
    found: list[str] = []
    for name, path in PAGES.items():
        page = in_scheme.open(path.format(**in_scheme.hub.made))
        if name == "matrix":
            change(page, "private_tasks", "alice", "w")
            preview(page)
        page.evaluate(AXE)
        result = page.evaluate("tags => axe.run({ runOnly: tags, resultTypes: ['violations'] })", TAGS)
        found += [told(name, rule, node) for rule in result["violations"] for node in rule["nodes"]]
        if name == "matrix":
            page.get_by_role("button", name="Undo all").click()
    assert found == [], "\n".join(found)


def test_a_change_is_made_previewed_and_saved_by_keyboard_alone(visitor: Watched) -> None:
    page = matrix(visitor)
    first = page.locator('.sharing-cell[tabindex="0"]')
    first.focus()
    for key in ("End", "Home", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator(":focus")).to_have_attribute("data-agent", "alice")
    expect(page.locator(":focus")).to_have_attribute("data-category", "behavioral_insights")
    page.keyboard.press("Control+End")
    expect(page.locator(":focus")).to_have_attribute("data-agent", "sentry")
    page.keyboard.press("r")
    expect(page.locator("#pending-count")).to_have_text("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Reads them", exact=False).first).to_be_checked()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(":focus")).to_have_attribute("data-agent", "sentry")
    expect(page.locator("#pending")).to_contain_text("– → RW")
    tab_to(page, "#preview")
    page.keyboard.press("Enter")
    expect(page.locator("#impact textarea")).to_be_focused()
    expect(page.locator("#impact")).to_contain_text("+18")
    page.keyboard.type("Sentry watches preferences, too.")
    page.keyboard.press("Tab")
    expect(page.locator("#save")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved 1 cell.")).to_be_visible()
    expect(cell(page, "user_preferences", "sentry")).to_have_attribute("data-letters", "RW")
    expect(page.locator("#pending-count")).to_have_text("0")
    expect(page.locator("#progress")).to_contain_text("Stored memories")


def tab_to(page: Page, target: str, most: int = 12) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("target => document.activeElement.matches(target)", target):
            return
    raise AssertionError(f"{target} is not reached within {most} tabs")


def test_two_people_at_once_and_nothing_is_lost(visitor: Watched, colleague: Watched) -> None:
    mine, hers = matrix(visitor), matrix(colleague)
    change(hers, "system_knowledge", "mimic", "r")
    preview(hers)
    hers.get_by_label("Reason").fill("Mimic needs it.")
    hers.locator("#save").click()
    expect(hers.get_by_text("Saved 1 cell.")).to_be_visible()

    mine.bring_to_front()
    change(mine, "system_knowledge", "alice", "w")
    preview(mine)
    mine.get_by_label("Reason").fill("Alice corrects it.")
    visitor.expect_refusal(409)
    mine.locator("#save").click()
    expect(mine.locator("#moved")).to_contain_text("system_knowledge · mimic")
    expect(cell(mine, "system_knowledge", "mimic")).to_have_attribute("data-letters", "R")
    expect(mine.locator("#pending")).to_contain_text("R → RW")
    preview(mine)
    expect(mine.get_by_label("Reason")).to_have_value("Alice corrects it.")
    mine.locator("#save").click()
    expect(cell(mine, "system_knowledge", "alice")).to_have_attribute("data-letters", "RW")


def test_pending_changes_survive_a_look_at_another_page_and_are_undone(visitor: Watched) -> None:
    page = matrix(visitor)
    change(page, "security_alerts", "alice", "r")
    change(page, "security_alerts", "mimic", "x")
    page.get_by_role("link", name="Rules", exact=True).click()
    page.wait_for_selector("#result_list")
    page = matrix(visitor)
    expect(page.locator("#pending-count")).to_have_text("2")
    page.get_by_role("button", name="Undo security_alerts · alice").click()
    expect(page.locator("#pending-count")).to_have_text("1")
    preview(page)
    page.get_by_role("button", name="Undo all").click()
    expect(page.locator("#save")).to_have_count(0)
    expect(page.get_by_role("button", name="Preview impact")).to_be_disabled()


def test_a_category_restricted_for_all_is_not_changed_in_one_cell(visitor: Watched) -> None:
    page = visitor.open("agents_app/sharingrule/matrix/?tenant={studio}".format(**visitor.hub.made))
    fixed = cell(page, "contracts", "art")
    fixed.focus()
    page.keyboard.press("r")
    expect(page.locator("#pending-count")).to_have_text("0")
    expect(page.locator("#cell-detail")).to_contain_text("Restricted for all agents")
    fixed.click()
    expect(page.get_by_role("button", name="Set")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(fixed).to_be_focused()


def test_zoomed_to_200_percent_nothing_scrolls_sideways_but_the_table(visitor: Watched) -> None:
    visitor.page.set_viewport_size(ViewportSize(width=683, height=384))
    page = matrix(visitor)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    change(page, "behavioral_patterns", "sentry", "r")
    expect(page.locator("#pending-count")).to_have_text("1")
    page.get_by_role("button", name="Undo all").click()
