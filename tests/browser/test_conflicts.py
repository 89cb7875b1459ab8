"""Deciding conflicts in a real browser: by keyboard alone, two people at once, and with hostile content."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conflict_scenes import REVIEWER
from tests.browser.conftest import VIEWPORT, Watched, quick, sign_in, watched
from tests.browser.hub import Hub

QUEUE = "agents_app/conflict/"


def review(name: str) -> str:
    return f"{QUEUE}{{{name}}}/change/"


@pytest.fixture
def ben(browser: Browser, hub: Hub) -> Iterator[Watched]:
    """A second reviewer at another desk."""
    context = quick(browser.new_context(viewport=VIEWPORT))
    made = watched(context.new_page(), hub)
    sign_in(made.page, hub, REVIEWER)
    yield made
    context.close()
    assert made.complaints == []


def opened(visitor: Watched, key: str, view: str = "open") -> Page:
    """The review page of the conflict about a key, by way of the queue."""
    page = visitor.open(f"{QUEUE}?view={view}&q={key}")
    page.locator("tbody th a").first.click()
    expect(page.locator("#conflict-title")).to_have_text(key)
    return page


def row(page: Page, path: str) -> Locator:
    return page.locator("tr[data-path]", has=page.locator(f"th code:text-is('{path}')"))


def test_by_keyboard_alone_from_the_queue_to_the_next_conflict_and_back(visitor: Watched) -> None:
    page = visitor.open(f"{QUEUE}?q=/state")
    page.keyboard.press("j")
    expect(page.locator("tbody th a").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#conflict-title")).to_be_focused()
    key = page.locator("#conflict-title").inner_text()
    # the one clash: 2 takes what is offered, the result follows, a reason is suggested
    page.keyboard.press("2")
    clash = page.locator("tr.hub-path-clash").first
    expect(clash.locator(".hub-state-picked")).to_have_text("picked")
    expect(page.locator("#summary")).to_contain_text("valid")
    expect(page.locator("#reason")).to_have_value("writer-bot for /calls")
    # another thought: edit it
    page.keyboard.press("e")
    expect(clash.locator("textarea")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("77")
    page.keyboard.press("Tab")
    expect(clash.locator(".hub-result")).to_have_text("77")
    page.keyboard.press("Control+Enter")
    expect(page.locator("body")).to_contain_text(f"{key}: decided. The entry is at version 3.")
    following = page.locator("#conflict-title").inner_text()
    assert following != key
    expect(page.locator("#conflict-title")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("#conflict-title")).not_to_have_text(following)
    page.keyboard.press("u")
    expect(page.get_by_role("dialog", name="Undo your last decision")).to_be_visible()
    page.wait_for_function("document.activeElement.textContent === 'Undo'", polling=100)
    page.keyboard.press("Enter")
    expect(page.locator("#conflict-title")).to_have_text(key)
    expect(page.locator("body")).to_contain_text("undone. The entry is at version 4; the conflict is open again.")


def test_the_common_case_takes_two_actions(visitor: Watched) -> None:
    page = opened(visitor, "customer/b01/state")
    page.get_by_role("radio", name=re.compile("^Latest wins")).check()
    page.wait_for_function("document.getElementById('reason').value.startsWith('Latest wins')", polling=100)
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator("body")).to_contain_text("customer/b01/state: decided.")


def test_the_help_names_the_keys_of_this_page(visitor: Watched) -> None:
    page = visitor.open(review("conflict_three").format(**visitor.hub.made))
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("take the value of billing-bot")
    expect(keys).to_contain_text("resolve")
    expect(keys).not_to_contain_text("compare the chosen versions")
    page.keyboard.press("2")  # off while a dialog is open
    page.keyboard.press("Escape")
    expect(page.locator(".hub-state-picked")).to_have_count(0)
    page.locator("#reason").focus()
    page.keyboard.type("123 n u b e j")  # off in inputs
    expect(page.locator("#reason")).to_have_value("123 n u b e j")
    expect(page.locator(".hub-state-picked")).to_have_count(0)


def test_the_result_always_follows_what_is_chosen(visitor: Watched) -> None:
    page = visitor.open(review("conflict_clash").format(**visitor.hub.made))
    tier, tags = row(page, "/tier"), row(page, "/tags")
    expect(tier.locator(".hub-result")).to_have_text('"gold"')
    tier.get_by_label("writer-bot for /tier").check()
    expect(tier.locator(".hub-result")).to_have_text('"platinum"')
    tags.get_by_label("crm-bot for /tags").check()
    expect(tags.locator(".hub-result")).to_have_text('["pilot", "eu", "renewal-2027"]')
    page.get_by_label("take all of crm-bot").check()
    expect(row(page, "/seats").locator(".hub-result")).to_have_text("40")
    expect(tier.locator(".hub-result")).to_have_text('"platinum"')  # a pick by path stays
    page.locator("summary", has_text="Preview JSON").click()
    expect(page.locator("#whole")).to_have_value(visible_json := page.locator("#whole").input_value())
    assert '"tier": "platinum"' in visible_json
    page.get_by_label("Edit the whole value").check()
    page.locator("#whole").fill('{"tier": }')
    page.locator("#reason").focus()
    expect(page.locator("#whole-mistake")).to_contain_text("Line 1, column 10")
    expect(page.locator("#summary")).to_contain_text("1 mistake to correct")
    expect(page.locator("#whole")).to_have_value('{"tier": }')


def test_two_people_see_each_other_and_a_stale_answer_loses_nothing(visitor: Watched, ben: Watched) -> None:
    mine, theirs = opened(visitor, "customer/b02/state"), opened(ben, "customer/b02/state")
    mine.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(mine.locator("#presence")).to_contain_text("Ben is viewing")
    theirs.bring_to_front()
    row(theirs, "/mood").get_by_label("support-bot for /mood").check()
    expect(row(theirs, "/mood").locator(".hub-state-picked")).to_be_visible()
    theirs.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(theirs.locator("#presence")).to_contain_text("Ada is viewing")
    mine.bring_to_front()
    mine.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    # at the latest with the next look, ten seconds later
    expect(mine.locator("#presence")).to_contain_text("Ben has unsaved changes")
    row(mine, "/mood").get_by_label("writer-bot for /mood").check()
    mine.get_by_role("button", name="Confirmed by the user").click()
    theirs.bring_to_front()
    theirs.locator("#reason").fill("calm it is")
    theirs.get_by_role("button", name="Resolve").click()
    expect(theirs.locator("body")).to_contain_text("customer/b02/state: decided.")
    # I hear of it before I send, and what I picked stays
    mine.bring_to_front()
    mine.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(mine.locator("#moved")).to_contain_text("ben resolved this conflict: calm it is")
    mine.get_by_role("button", name="Resolve").click()
    dialog = mine.get_by_role("dialog", name="Somebody was faster")
    expect(dialog).to_contain_text("ben resolved this conflict")
    visitor.expect_refusal(409)
    dialog.get_by_role("button", name="Re-apply my picks").click()
    expect(mine.locator("#mine")).to_have_text("Your decision was not saved")
    expect(mine.locator("body")).to_contain_text("Confirmed by the user")
    mine.get_by_role("button", name="Re-apply over version 2").click()
    expect(mine.locator("body")).to_contain_text("your result is version 3 of the entry")


def test_rows_are_chosen_and_decided_by_one_strategy(visitor: Watched) -> None:
    page = visitor.open(f"{QUEUE}?q=customer/b0")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen-count]")).to_have_text("(1)")
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("Chosen rows").select_option("merge_content")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#plan")).to_be_focused()
    expect(page.locator("body")).to_contain_text("stays for a person")
    staying = page.locator("tbody tr", has_text="stays for a person").count()
    deciding = page.locator("tbody tr").count() - staying
    assert staying
    assert deciding
    page.get_by_label("Reason, required").fill("they fit together")
    page.get_by_role("button", name=f"Decide {deciding} conflict").click()
    expect(page.locator("#outcome")).to_have_text(f"{deciding} of {deciding} decided")
    page.get_by_role("link", name="Back to the queue").click()
    expect(page.locator("tbody tr")).to_have_count(staying)


def test_an_empty_view_says_so_and_shows_what_was_decided(visitor: Watched) -> None:
    page = visitor.open(f"{QUEUE}?q=nothing-of-that-name")
    expect(page.locator("body")).to_contain_text("No conflict matches these filters.")
    expect(page.locator("#recent")).to_have_text("Recent decisions")


def test_hostile_values_stay_text_also_after_a_preview(visitor: Watched) -> None:
    page = visitor.open(review("hostile_conflict").format(**visitor.hub.made))
    assert page.title() != "owned"
    page.get_by_label("take all of writer-bot").check()
    expect(page.locator("#summary")).to_contain_text("valid")
    assert page.title() != "owned"
    expect(page.locator(".hub-result").first).to_contain_text("U+202E")
    assert "\u202e" not in page.locator("body").inner_text()
    assert "{{ 7*7 }}" in page.locator("body").inner_text()
    page.keyboard.press("e")
    expect(page.locator("textarea:focus")).to_be_visible()


def test_who_may_only_look_finds_nothing_to_press(browser: Browser, hub: Hub) -> None:
    context = quick(browser.new_context(viewport=VIEWPORT))
    visitor = watched(context.new_page(), hub)
    sign_in(visitor.page, hub, "otto")
    page = visitor.open(review("conflict_clash").format(**hub.made))
    expect(page.locator("body")).to_contain_text("Your role may look at conflicts")
    assert page.locator("input[type=radio]:enabled").count() == 0
    assert page.get_by_role("button", name="Resolve").count() == 0
    context.close()
    assert visitor.complaints == []


def test_the_dashboard_hands_out_the_next_conflict(ben: Watched) -> None:
    page = ben.open()
    page.get_by_role("button", name="Take next").click()
    expect(page.locator("body")).to_contain_text("It is yours now.")
    expect(page.locator(".hub-about")).to_contain_text("with ben")
    page.get_by_role("button", name="Assign").click()
    page.get_by_role("dialog", name="Assign").get_by_label("Reviewer").select_option(label="nobody")
    page.get_by_role("dialog", name="Assign").get_by_role("button", name="Assign").click()
    expect(page.locator(".hub-about")).to_contain_text("with nobody")
