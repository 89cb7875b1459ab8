"""The admin in a real browser: every page quiet in the console, nothing from another host, nothing refused."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import VIEWPORT, Watched, quick, sign_in, watched
from tests.browser.hub import Hub

LISTS = [
    "registry/contextentry",
    "registry/ephemeralentry",
    "registry/entryversion",
    "registry/relationship",
    "registry/contextgroup",
    "registry/entrylock",
    "registry/lockwaiter",
    "registry/accessrecord",
    "search/vectorspace",
    "sessions_app/session",
    "sessions_app/message",
    "sessions_app/task",
    "sessions_app/handoff",
    "sessions_app/contextsnapshot",
    "sessions_app/decision",
    "agents_app/agentprofile",
    "agents_app/syncrun",
    "agents_app/replica",
    "agents_app/feeditem",
    "agents_app/notice",
    "agents_app/noticeread",
    "procedures_app/procedureversion",
    "procedures_app/procedurestep",
    "access/apikey",
    "access/auditevent",
    "sync/delivery",
    "procedures_app/runevent",
    "sync/jobrun",
    "auth/user",
]


def test_signing_in_leads_to_what_needs_a_human(browser: Browser, hub: Hub) -> None:
    context = quick(browser.new_context(viewport=VIEWPORT))
    visitor = watched(context.new_page(), hub)
    sign_in(visitor.page, hub)
    waiting = visitor.page.locator(".hub-row-text strong").all_inner_texts()
    assert waiting[:6] == [
        "Overdue conflict", "Critical conflicts", "Overdue approval", "Parked deliveries", "Failed run",
        "Hand-off came back",
    ]  # fmt: skip
    context.close()
    assert visitor.complaints == []


def test_every_list_and_its_first_page_are_quiet(visitor: Watched) -> None:
    for path in LISTS:
        page = visitor.open(f"{path}/")
        assert page.locator("#changelist").count() == 1, path
        assert visitor.complaints == [], path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "registry/contextentry/",
        "registry/contextentry/{entry}/change/",
        "sessions_app/session/{session}/change/",
        "agents_app/agentprofile/{agent}/change/",
        "agents_app/conflict/",
        "agents_app/conflict/{conflict_clash}/change/",
        "agents_app/conflict/{conflict_three}/change/",
        "procedures_app/run/",
        "procedures_app/run/{run_hostile}/change/",
        "procedures_app/approval/",
        "procedures_app/approval/{approval}/change/",
        "agents_app/conflict/{hostile_conflict}/change/",
    ],
)
def test_nothing_is_wider_than_the_window(path: str, visitor: Watched) -> None:
    page = visitor.open(path.format(**visitor.hub.made))
    for width in (1366, 683):  # 683: the same window at 200 % zoom
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


def test_hostile_content_stays_text(visitor: Watched) -> None:
    page = visitor.open(f"registry/contextentry/{visitor.hub.made['hostile']}/change/")
    assert "owned" in page.title()
    assert page.title() != "owned"
    assert "{{ 7*7 }}" in page.locator("h2.hub-title").inner_text()
    assert "U+202E" in page.locator(".hub-json").first.inner_text()
    visitor.open("sync/delivery/?q=%3Dcmd")
    assert "\u202e" not in page.locator("#result_list").inner_text()
    assert "U+202E" in page.locator("#result_list").inner_text()


def test_a_version_is_compared_and_the_comparison_speaks(visitor: Watched) -> None:
    page = visitor.open(f"registry/contextentry/{visitor.hub.made['entry']}/change/")
    page.get_by_label("From version 1").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#comparison-title")).to_have_text("Version 1 against version 3")
    row = page.locator("#comparison tr", has_text="/plan")
    expect(row.locator("del")).to_have_text("silver")
    expect(row.locator("ins")).to_have_text("gold")
    expect(row).to_contain_text("changed")


def test_a_value_is_edited_and_a_mistake_keeps_the_text(visitor: Watched) -> None:
    page = visitor.open("registry/contextentry/?q=team/standup")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("link", name="Edit value").click()
    page.fill("#id_value", '{"next": }')
    visitor.expect_refusal(422)
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.locator("#value-errors")).to_contain_text("Line 1, column 10")
    expect(page.locator("#id_value")).to_have_value('{"next": }')
    page.fill("#id_value", '{"next": "export"}')
    page.get_by_label("Reason").fill("plans changed")
    page.get_by_role("button", name="Save as version 2").click()
    expect(page.locator(".hub-json").first).to_contain_text('"export"')
    expect(page.locator("body")).to_contain_text("plans changed")
    # and back, by keyboard: the dialog takes the focus, Escape gives it back, Enter sends
    opener = page.get_by_role("button", name="Restore version 1")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Restore version 1")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Reason").fill("was better before")
    dialog.get_by_role("button", name="Restore").focus()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("Version 1 is back, as version 3.")
    expect(page.locator(".hub-json").first).to_contain_text("Ship the importer")


def test_a_session_grows_without_scrolling_its_reader_away(visitor: Watched) -> None:
    page = visitor.open(f"sessions_app/session/{visitor.hub.made['session']}/change/")
    expect(page.locator(".hub-event-message")).to_have_count(10)
    kinds = page.locator("li.hub-event").evaluate_all("all => all.map(one => one.dataset.kind)")
    assert {"message", "task", "handoff", "snapshot", "decision"} == set(kinds)
    page.get_by_label("Messages", exact=True).uncheck()
    expect(page.locator(".hub-event-message:visible")).to_have_count(0)
    page.get_by_label("Messages", exact=True).check()
    # as if the page had been opened after the eighth message
    page.evaluate(
        "() => { const s = document.querySelector('[data-newer]'); s.dataset.last = '8';"
        " for (const e of [...s.children].slice(-2)) e.remove(); window.scrollTo(0, 0); }"
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#newer")).to_have_text("2 new ↓")
    assert page.evaluate("window.scrollY") == 0
    page.keyboard.press("n")
    expect(page.locator(".hub-event-message")).to_have_count(10)
    assert page.locator("li.hub-event").last.get_attribute("data-kind") == "message"


def test_the_keyboard_alone_reaches_everything(visitor: Watched) -> None:
    page = visitor.open("registry/contextentry/?q=maya")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/**", wait_until="domcontentloaded")
    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Keys")
    expect(help_dialog).to_be_visible()
    page.keyboard.press("e")  # off while a dialog is open
    page.keyboard.press("Escape")
    expect(help_dialog).to_be_hidden()
    page.keyboard.press("e")
    page.wait_for_url("**/edit/", wait_until="domcontentloaded")
    page.wait_for_function("document.activeElement?.id === 'id_value'", polling=100)
    page.keyboard.type("j?e")  # off in inputs
    assert "j?e" in page.locator("#id_value").input_value()


def test_filters_are_reached_and_left_by_keyboard(visitor: Watched) -> None:
    page = visitor.open("registry/contextentry/")
    button = page.get_by_role("button", name="Filters")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.closest('#changelist-filter') !== null", polling=100)
    page.keyboard.press("Escape")
    expect(page.locator("#changelist-filter")).to_be_hidden()
    expect(button).to_be_focused()


def test_light_and_dark_are_a_key_away(visitor: Watched) -> None:
    page = visitor.open()
    before = page.evaluate("document.documentElement.classList.contains('dark')")
    page.keyboard.press("Control+e")  # from the system's choice to light
    page.keyboard.press("Control+e")
    page.wait_for_function(
        "before => document.documentElement.classList.contains('dark') !== before", arg=before, polling=100
    )


def test_the_theme_s_menus_are_reached_by_keyboard(visitor: Watched) -> None:
    page = visitor.open()
    menu = page.locator("nav#nav-sidebar-inner [role=button]", has_text="Ada Lovelace")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def test_the_api_reference_is_served_from_here(visitor: Watched) -> None:
    visitor.page.goto(f"{visitor.hub.url}/docs")
    expect(visitor.page.locator(".swagger-ui .info .title")).to_contain_text("MemoryHub")
    expect(visitor.page.locator(".opblock").first).to_be_visible()
