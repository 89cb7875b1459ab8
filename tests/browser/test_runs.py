"""Following a run and deciding approvals in a real browser: live, by keyboard alone, and two people at once."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import VIEWPORT, Watched, quick, sign_in, watched
from tests.browser.hub import Hub
from tests.browser.run_scenes import EDITOR

APPROVALS = "procedures_app/approval/"
#: What the stream's script says when a run has changed.
NEWS = "document.dispatchEvent(new CustomEvent('hub:change', { detail: { kind: 'run', count: 1 } }))"


@pytest.fixture
def edda(browser: Browser, hub: Hub) -> Iterator[Watched]:
    """A procedure editor at another desk."""
    context = quick(browser.new_context(viewport=VIEWPORT))
    made = watched(context.new_page(), hub)
    sign_in(made.page, hub, EDITOR)
    yield made
    context.close()
    assert made.complaints == []


def call(hub: Hub, path: str, **body: Any) -> Any:
    """As deploy-bot, over the API."""
    headers = {"Authorization": f"Bearer {hub.made['deploy_key']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{hub.url}/memory/{path}", json.dumps(body).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def take(hub: Hub, run: str) -> int:
    return int(call(hub, f"runs/{run}/next")["lease"]["token"])


def opened(visitor: Watched, invoice: str) -> Page:
    """The page of the approval of a run about an invoice, by way of the queue."""
    page = visitor.open(f"{APPROVALS}?kind=confirmation&view=waiting")
    page.locator("tbody tr", has_text=invoice).locator("th a").click()
    expect(page.locator(".hub-about")).to_contain_text(invoice)
    return page


def state_of(page: Page, step: str) -> Any:
    return page.locator(f"#step-{step} .run-state")


def test_a_run_is_followed_without_taking_the_reader_anywhere(visitor: Watched) -> None:
    hub, run = visitor.hub, visitor.hub.made["run_walked"]
    page = visitor.open(f"procedures_app/run/{run}/change/")
    expect(state_of(page, "read-notes")).to_contain_text("Ready")
    page.evaluate("window.same = true")
    lease = take(hub, run)
    page.evaluate(NEWS)
    expect(state_of(page, "read-notes")).to_contain_text("In progress")
    expect(page.locator("#run-says")).to_contain_text("Step 1 of 6")
    call(hub, f"runs/{run}/steps/read-notes/complete", lease=lease, evidence={"lesson": "Warm it up first."})
    page.evaluate(NEWS)
    expect(page.locator("#step-read-notes")).to_contain_text("Warm it up first.")
    # what the reader opened stays open, focus and place stay where they are
    page.locator("#step-read-notes summary").click()
    page.locator("#event-1").scroll_into_view_if_needed()
    before = page.evaluate("[scrollY, document.querySelector('#main')?.scrollTop ?? 0]")
    take(hub, run)
    page.evaluate(NEWS)
    expect(state_of(page, "build")).to_contain_text("In progress")
    expect(page.locator("#step-read-notes details")).to_have_attribute("open", "")
    expect(page.locator("#step-read-notes summary")).to_be_focused()
    assert page.evaluate("[scrollY, document.querySelector('#main')?.scrollTop ?? 0]") == before
    assert page.evaluate("window.same")
    refused(hub, run)
    page.evaluate(NEWS)
    expect(page.locator("#run-events")).to_contain_text("Something out of order was refused")


def refused(hub: Hub, run: str) -> None:
    with pytest.raises(HTTPError, match="409"):
        call(hub, f"runs/{run}/steps/announce/complete", lease=1, evidence={})


def test_updates_are_paused_and_without_a_stream_looked_for_again(visitor: Watched) -> None:
    hub, page = visitor.hub, visitor.page
    run = call(hub, "runs", procedure="ship-search-index", inputs={"build": "search-4.4.0", "region": "eu"})["id"]
    page.clock.install()
    visitor.open(f"procedures_app/run/{run}/change/")
    expect(page.locator("[data-live-says]")).to_have_text("Looked at again every 10 seconds.")
    take(hub, run)
    page.clock.fast_forward(11_000)
    expect(state_of(page, "read-notes")).to_contain_text("In progress")
    pause = page.get_by_role("button", name="Pause updates")
    pause.click()
    expect(page.get_by_role("button", name="Resume updates")).to_have_attribute("aria-pressed", "true")
    call(hub, f"runs/{run}/steps/read-notes/skip", reason="nothing to read")
    page.evaluate(NEWS)
    page.clock.fast_forward(30_000)
    expect(page.locator("[data-live-says]")).to_have_text("Paused. Something has changed since.")
    expect(state_of(page, "read-notes")).to_contain_text("In progress")
    page.get_by_role("button", name="Resume updates").click()
    expect(state_of(page, "read-notes")).to_contain_text("Waiting for a person")
    page.get_by_role("link", name="Decide").click()
    expect(page.locator("#approval-title")).to_be_focused()


def test_by_keyboard_alone_from_the_queue_to_the_next(visitor: Watched) -> None:
    page = visitor.open(f"{APPROVALS}?q=ship-search&kind=skip")
    page.keyboard.press("j")
    expect(page.locator("tbody th a").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#approval-title")).to_be_focused()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("let the step be skipped")
    expect(keys).to_contain_text("reason: Not needed this time")
    page.keyboard.press("a")  # off while a dialog is open
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("#foot-says")).to_contain_text("Say why")
    expect(page.locator("#reason")).to_be_focused()
    page.keyboard.type("1 r a n")  # off in inputs
    expect(page.locator("#reason")).to_have_value("1 r a n")
    page.locator("#approval-title").focus()
    first = page.locator(".hub-about").inner_text()
    # the common case: one key for the reason, one for the decision
    page.keyboard.press("1")
    page.keyboard.press("a")
    expect(page.locator("body")).to_contain_text("ship-search-index, step smoke-test: approved.")
    expect(page.locator("#approval-title")).to_be_focused()
    expect(page.locator(".hub-about")).not_to_have_text(first)


def test_a_confirmation_takes_one_press_and_a_refusal_needs_a_reason(visitor: Watched) -> None:
    page = opened(visitor, "INV-3000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("body")).to_contain_text("refund-customer, step agree: approved.")
    page = opened(visitor, "INV-3001")
    page.get_by_role("button", name="Refuse").click()
    expect(page.locator("#foot-says")).to_contain_text("Say why")
    page.get_by_role("button", name="This is wrong").click()
    page.get_by_role("button", name="Refuse").click()
    expect(page.locator("body")).to_contain_text("refund-customer, step agree: refused.")


def test_the_second_of_two_hears_of_the_first_and_loses_nothing(visitor: Watched, edda: Watched) -> None:
    mine, theirs = opened(visitor, "INV-3002"), opened(edda, "INV-3002")
    mine.locator("#reason").fill("not before Monday")
    mine.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    theirs.bring_to_front()
    theirs.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(theirs.locator("#presence")).to_contain_text("Ada has unsaved changes")
    theirs.locator("#reason").fill("agreed on the phone")
    theirs.get_by_role("button", name="Confirm").click()
    expect(theirs.locator("body")).to_contain_text("approved.")
    mine.bring_to_front()
    mine.evaluate(NEWS)
    expect(mine.locator("#moved")).to_contain_text("edda approved it at")
    expect(mine.locator("#moved")).to_contain_text("agreed on the phone")
    expect(mine.locator("#reason")).to_have_value("not before Monday")
    visitor.expect_refusal(409)
    mine.get_by_role("button", name="Refuse").click()
    expect(mine.locator("#mine")).to_have_text("Your decision was not saved")
    expect(mine.locator("body")).to_contain_text("not before Monday")
    mine.keyboard.press("n")
    expect(mine.locator(".hub-about")).not_to_contain_text("INV-3002")


def test_a_run_is_paused_with_a_reason_and_the_open_decision_waits(visitor: Watched, edda: Watched) -> None:
    page = opened(visitor, "INV-3003")
    theirs = opened(edda, "INV-3003")
    theirs.get_by_role("link", name="Run", exact=True).click()
    theirs.get_by_role("button", name="Pause", exact=True).click()
    dialog = theirs.get_by_role("dialog", name="Pause")
    expect(dialog).to_contain_text("until somebody resumes it")
    dialog.get_by_label("Reason").fill("the bank is closed")
    dialog.get_by_role("button", name="Pause").click()
    expect(theirs.locator("#run-head")).to_contain_text("the bank is closed")
    theirs.get_by_role("button", name="Resume", exact=True).click()
    theirs.get_by_role("dialog", name="Resume").get_by_role("button", name="Resume").click()
    expect(theirs.locator("#run-head")).to_contain_text("Waiting for a person")
    page.bring_to_front()
    page.evaluate(NEWS)
    expect(page.locator("#moved")).to_contain_text("The run went on since you looked.")
    page.locator("#reason").fill("kept")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#latest + *, #approval-parts")).to_contain_text(["The run goes on"])
    expect(page.locator("#reason")).to_have_value("kept")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("body")).to_contain_text("refund-customer, step agree: approved.")


def test_hostile_text_stays_text_also_after_an_update(visitor: Watched) -> None:
    page = visitor.open(f"procedures_app/run/{visitor.hub.made['run_hostile']}/change/")
    page.evaluate("document.querySelector('[data-parts]').dataset.version = ''")
    page.evaluate(NEWS)
    page.wait_for_function("document.querySelector('[data-parts]').dataset.version !== ''", polling=100)
    assert page.title() != "owned"
    assert "\u202e" not in page.locator("body").inner_text()


def test_who_may_only_look_finds_nothing_to_press(browser: Browser, hub: Hub) -> None:
    context = quick(browser.new_context(viewport=VIEWPORT))
    visitor = watched(context.new_page(), hub)
    sign_in(visitor.page, hub, "otto")
    page = visitor.open(f"{APPROVALS}{hub.made['approval_other']}/change/")
    expect(page.locator("body")).to_contain_text("Your role may look at approvals, not decide them.")
    assert page.locator("[form=decide][type=submit]").count() == 0
    page = visitor.open(f"procedures_app/run/{hub.made['run_open']}/change/")
    assert page.get_by_role("button", name="End the run").count() == 0
    context.close()
    assert visitor.complaints == []
