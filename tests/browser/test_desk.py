"""The procedure desk in a browser: by keyboard alone, two people at once, zoomed, and by the rules of axe."""

from __future__ import annotations

from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser.conftest import VIEWPORT, Watched, quick, sign_in, watched
from tests.browser.hub import Hub
from tests.browser.test_accessibility import broken, in_scheme

DESK = "procedures_app/procedure/"
PAGES = {
    "procedures": DESK,
    "procedure": DESK + "{procedure}/change/",
    "draft": DESK + "{procedure}/draft/",
    "publish": DESK + "{procedure}/publish/",
    "up to date": DESK + "{procedure_behind}/rebase/",
    "versions compared": DESK + "{procedure}/compare/?from=1&to=2",
    "version": DESK + "{procedure}/versions/1/",
    "new procedure": DESK + "new/",
    "paste": DESK + "paste/",
    "import": DESK + "import/",
    "hostile draft": DESK + "{hostile_procedure}/draft/",
}
__all__ = ["in_scheme"]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def tab_to(page: Page, target: str, most: int = 60) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page) == target:
            return
    raise AssertionError(f"{target} is not reached within {most} tabs")


def titles(page: Page) -> list[str]:
    fields = page.locator('[name^="steps."][name$=".title"]:not([name*="rollback"])')
    return [str(value) for value in fields.evaluate_all("all => all.map(one => one.value)")]


def test_no_page_of_the_desk_breaks_a_rule(in_scheme: Watched) -> None:
    found: list[str] = []
    for name, path in PAGES.items():
        page = in_scheme.open(path.format(**in_scheme.hub.made))
        if name == "draft":
            for toggle in page.locator("[data-toggle]").all():
                toggle.click()
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            page.locator('[name="title"]').fill("")
            page.locator("#check").click()
            page.wait_for_selector("#problems")
            # as tall as the page: what the bar at the bottom covers while one scrolls is not a small target
            page.set_viewport_size({"width": 1366, "height": 9000})
        found += broken(name, page)
        if name == "draft":
            page.evaluate("document.getElementById('desk-form').removeAttribute('data-unsaved')")
            page.set_viewport_size(VIEWPORT)
    assert found == [], "\n".join(found)


def test_nothing_of_the_desk_is_wider_than_the_window(visitor: Watched) -> None:
    for name in ("procedures", "procedure", "draft", "publish", "up to date", "hostile draft"):
        page = visitor.open(PAGES[name].format(**visitor.hub.made))
        page.evaluate("document.querySelectorAll('.desk-closed').forEach(one => one.classList.remove('desk-closed'))")
        for width in (1366, 683):  # 683: the same window at 200 % zoom
            page.set_viewport_size({"width": width, "height": 768})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (name, width)


def test_a_procedure_is_written_moved_and_published_by_keyboard_alone(visitor: Watched) -> None:
    """The title gives the name, steps are added and moved with the focus on the button, a mistake is mended."""
    page = visitor.open(DESK)
    page.get_by_role("link", name="New procedure").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#desk-form")
    page.locator("#title").focus()
    page.keyboard.type("Rotate the keys")
    tab_to(page, "summary")
    page.keyboard.type("Every quarter.")
    for title in ("Make new keys", "Tell the agents"):
        tab_to(page, "append:steps")
        page.keyboard.press("Enter")
        number = 0 if title == "Make new keys" else 1
        expect(page.locator(f'[id="steps.{number}.title"]')).to_be_focused()
        page.keyboard.type(title)
        tab_to(page, f"steps.{number}.instruction", 3)
        page.keyboard.type("Use {{inputs.team}}." if number else "As the manual says.")
    page.locator('[id="up:steps.1"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator('[id="up:steps.0"]')).to_be_focused()
    expect(page.locator("#desk-says")).to_have_text("Step 2, Tell the agents is number 1 of 2 now.")
    assert titles(page) == ["Tell the agents", "Make new keys"]
    page.keyboard.press("Enter")
    expect(page.locator("#desk-says")).to_have_text("It is the first one already.")
    tab_to(page, "drop:steps.0", 6)
    page.keyboard.press("Enter")
    expect(page.locator("#undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator('[id="up:steps.0"]')).to_be_focused()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("1 thing to mend before it can be published: Check lists them.")).to_be_visible()
    page.locator("#check").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#problems")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator('[id="steps.0.instruction"]')).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("In the channel.")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("It can be published.")).to_be_visible()
    page.get_by_role("link", name="Publish…").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#publish-form")
    page.locator("#note").focus()
    page.keyboard.type("The first version.")
    tab_to(page, "publish", 2)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 1 is in force.")).to_be_visible()


def test_two_editors_at_once_and_nothing_is_lost(visitor: Watched, browser: Browser, signed_in: str, hub: Hub) -> None:
    context = quick(browser.new_context(storage_state=signed_in, viewport=VIEWPORT))
    colleague = watched(context.new_page(), hub)
    path = DESK + "{first_draft}/draft/".format(**hub.made)
    mine, hers = visitor.open(path), colleague.open(path)
    hers.locator("#summary").fill("Within a day.")
    hers.locator("#save").click()
    expect(hers.get_by_text("Draft saved.")).to_be_visible()
    mine.bring_to_front()
    mine.locator("#title").fill("Onboard a customer, gently")
    visitor.expect_refusal(409)
    mine.locator("#save").click()
    expect(mine.locator("#moved")).to_be_focused()
    expect(mine.locator("#moved")).to_contain_text("Not saved: ada saved the draft")
    expect(mine.locator("#title")).to_have_value("Onboard a customer, gently")
    expect(mine.locator("ins", has_text="Within a day.")).to_be_visible()
    mine.locator("#both").click()
    expect(mine.get_by_text("Draft saved.")).to_be_visible()
    expect(mine.locator("#summary")).to_have_value("Within a day.")
    expect(mine.locator("#title")).to_have_value("Onboard a customer, gently")
    context.close()
    assert colleague.complaints == []


def test_what_is_not_saved_is_not_left_without_a_warning(visitor: Watched) -> None:
    page = visitor.open(PAGES["draft"].format(**visitor.hub.made))
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.get_by_role("link", name="Close").click()
    page.wait_for_url("**/change/**", wait_until="domcontentloaded")
    assert asked == []
    page.go_back()
    page.locator("#title").press_sequentially("!")
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    page.get_by_role("link", name="Close").click()
    page.wait_for_url("**/change/**", wait_until="domcontentloaded")
    assert asked == ["beforeunload"]


def test_the_form_becomes_text_and_a_form_again(visitor: Watched) -> None:
    page = visitor.open(PAGES["draft"].format(**visitor.hub.made))
    before = titles(page)
    page.locator('[id="as:markdown"]').click()
    expect(page.locator("#text")).to_be_focused()
    assert "# Ship a release" in page.locator("#text").input_value()
    page.locator('[id="as:form"]').click()
    page.wait_for_selector("[data-toggle]")
    assert titles(page) == before


def test_a_draft_is_brought_up_to_date(visitor: Watched) -> None:
    page = visitor.open(PAGES["up to date"].format(**visitor.hub.made))
    page.get_by_role("group", name="Choose a severity", exact=False).get_by_label("Both", exact=False).check()
    page.locator("#rebase").click()
    expect(page.get_by_text("The draft is up to date.")).to_be_visible()
    expect(page.get_by_role("button", name="Publish as version 3")).to_be_visible()


def test_the_same_buttons_work_without_the_desk_s_script(browser: Browser, signed_in: str, hub: Hub) -> None:
    context = quick(browser.new_context(storage_state=signed_in, viewport=VIEWPORT))
    context.route("**/desk*.js", lambda route: route.abort())
    page = context.new_page()
    page.goto(hub.page(PAGES["draft"].format(**hub.made)))
    first = page.locator('[id="steps.0.title"]')
    expect(first).to_be_visible()
    before = first.input_value()
    page.locator('[id="down:steps.0"]').click()
    expect(page.locator('[id="steps.1.title"]')).to_have_value(before)
    context.close()


def test_an_auditor_reads_the_desk_and_is_offered_nothing(browser: Browser, hub: Hub) -> None:
    context = quick(browser.new_context(viewport=VIEWPORT))
    page = context.new_page()
    sign_in(page, hub, "otto")
    page.goto(hub.page(PAGES["procedure"].format(**hub.made)))
    expect(page.get_by_role("heading", name="What agents follow")).to_be_visible()
    assert page.locator("#main a, #content a", has_text="Edit").count() == 0
    assert page.get_by_role("button", name="Retire").count() == 0
    context.close()
