"""Two agents edit one preference offline; a reviewer merges in the admin; both replicas come to show the decision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, expect

from tests.browser.conftest import VIEWPORT, quick, sign_in, watched
from tests.browser.hub import Hub
from tests.browser.test_conflicts import opened, row
from tests.flows.offline_edits import BY_ALDEN, BY_SENTRY, KEY, story

LOGIN, PASSWORD = "rita", "correct-horse-battery"


@pytest.fixture(scope="module", autouse=True)
def beside_a_browser() -> Iterator[None]:
    """The browser keeps an event loop in this thread, in which Django would refuse to look at the tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.mark.django_db(transaction=True)
def test_a_reviewer_merges_in_the_admin_what_two_agents_edited_offline(
    live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    get_user_model().objects.create_superuser(LOGIN, password=PASSWORD)
    hub = Hub(live_server.url, {"login": LOGIN, "password": PASSWORD})
    context = quick(browser.new_context(viewport=VIEWPORT))
    visitor = watched(context.new_page(), hub)
    with story(live_server.url, tmp_path) as told:
        entry_id = told.begin()
        told.edit_offline()
        told.check_undecided()
        sign_in(visitor.page, hub)
        page = opened(visitor, KEY)
        row(page, "/mode").get_by_role("radio").nth(1).check()
        expect(page.locator("#summary")).to_contain_text("valid")
        page.locator("#reason").fill("The user asked for the light screen with the larger letters.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("body")).to_contain_text(f"{KEY}: decided.")
        told.check_decided(entry_id, {"mode": BY_ALDEN["mode"], "size": BY_SENTRY["size"]})
    context.close()
    assert visitor.complaints == []
