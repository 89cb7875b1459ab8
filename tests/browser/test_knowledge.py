"""Curating knowledge, enforcement and compliance in a browser: WCAG 2.2 AA, keyboard alone, two people, zoom."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Watched
from tests.browser.test_accessibility import broken, in_scheme
from tests.browser.test_sharing import tab_to

KNOWLEDGE = "procedures_app/knowledge/{knowledge}/change/"
PAGES = {
    "knowledge": "procedures_app/knowledge/?needs=any",
    "a problem": KNOWLEDGE + "?compare=1&with=4",
    "hostile knowledge": "procedures_app/knowledge/{hostile_knowledge}/change/",
    "edit": "procedures_app/knowledge/{knowledge}/edit/",
    "add a solution": "procedures_app/knowledge/{knowledge}/add-solution/",
    "choose": "procedures_app/knowledge/{knowledge}/merge/",
    "merge": "procedures_app/knowledge/{knowledge}/merge/?other={twin}",
    "operation": "procedures_app/operation/{operation}/change/",
    "rule": "procedures_app/enforcementrule/{rule}/change/",
    "compliance": "procedures_app/operation/compliance/",
    "no compliance": "procedures_app/operation/compliance/?since=soon&agent=nobody",
}
__all__ = ["in_scheme"]


def test_no_page_breaks_a_rule(in_scheme: Watched) -> None:
    found: list[str] = []
    for name, path in PAGES.items():
        page = in_scheme.open(path.format(**in_scheme.hub.made))
        if name == "a problem":
            page.get_by_role("button", name="Retire solution 2").click()
        found += broken(name, page)
    assert found == [], "\n".join(found)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_problem_is_curated_by_keyboard_alone(visitor: Watched) -> None:
    page = visitor.open(KNOWLEDGE.format(**visitor.hub.made))
    page.locator("[data-key=e]").focus()
    tab_to(page, '[data-dialog="verb-verify"]')
    press(page, "Enter", "Tab", "Tab", "Enter")
    expect(page.get_by_text("Verified: agents are told")).to_be_visible()
    press(page, "e")
    page.wait_for_selector("#id_title")
    page.locator("#id_title").focus()
    press(page, "End")
    page.keyboard.type(", again")
    tab_to(page, "button[type=submit]", most=14)
    press(page, "Enter")
    expect(page.locator("h2.hub-title")).to_have_text("The connection pool of a service is exhausted, again")
    page.get_by_role("button", name="Retire solution 2").focus()
    press(page, "Enter")
    expect(page.locator("#retire-solution textarea")).to_be_focused()
    page.keyboard.type("It fails.")
    tab_to(page, "#retire-solution [type=submit]", most=4)
    press(page, "Enter")
    expect(page.locator(".knowledge-retired")).to_contain_text("Restart the database.")


def test_two_are_merged_after_a_look_and_taken_apart(visitor: Watched) -> None:
    page = visitor.open("procedures_app/knowledge/{knowledge}/merge/?q=timed".format(**visitor.hub.made))
    page.get_by_role("link", name="Choose ReadTimeout").first.click()
    expect(page.locator("#how")).to_be_focused()
    expect(page.get_by_text("Ask again after 30 seconds")).to_be_visible()
    page.get_by_label("Reason").fill("One and the same.")
    page.get_by_role("button", name="Merge the two").click()
    expect(page.get_by_text("is part of this now")).to_be_visible()
    page.get_by_role("region", name="Takes the place of").get_by_role("link").click()
    page.get_by_role("button", name="Restore version 1", exact=True).click()
    page.locator("#restore-version [type=submit]").click()
    expect(page.get_by_text("Version 1 is back")).to_be_visible()


def test_strict_is_chosen_knowingly(visitor: Watched) -> None:
    page = visitor.open("procedures_app/enforcementrule/{rule}/change/".format(**visitor.hub.made))
    page.get_by_label("Mode").select_option("strict")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This refuses work.")).to_be_visible()
    expect(page.get_by_role("region", name="What agents did in the last day")).to_contain_text("deployment")
    page.get_by_label("I have looked at").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Strict")


def test_zoomed_to_200_percent_nothing_scrolls_sideways(visitor: Watched) -> None:
    visitor.page.set_viewport_size(ViewportSize(width=683, height=384))
    for name in ("a problem", "merge", "operation", "compliance", "rule"):
        page = visitor.open(PAGES[name].format(**visitor.hub.made))
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
