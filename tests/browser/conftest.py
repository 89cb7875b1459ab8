"""One seeded hub and one browser for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, expect, sync_playwright

from memoryhub.runtime.postgres import EmbeddedPostgres
from tests.browser.hub import Hub, seeded_hub
from tests.hub_plugin import HOME

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
#: Longer than pages wait between two looks at what others do.
PATIENCE_MS = 20_000
VIEWPORT = ViewportSize(width=1366, height=768)

if not Path(CHROMIUM).exists():
    pytest.skip(f"{CHROMIUM} is missing; .ci/run installs it", allow_module_level=True)


@pytest.fixture(scope="package")
def hub(django_db_setup: None) -> Iterator[Hub]:
    assert settings.configured
    # copying a database ends every connection to it; a test after these would find its own one dead
    connections.close_all()
    with seeded_hub(EmbeddedPostgres(HOME / "testdb", fast=True).superuser_url()) as running:
        yield running


@pytest.fixture(scope="package")
def browser(hub: Hub) -> Iterator[Browser]:
    """Closed with this package: while it is open, Django refuses database work in this thread."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MS)
        yield chromium
        chromium.close()


@dataclass
class Watched:
    """A page, and what a visitor must never see: console errors, refused policies, other hosts."""

    page: Page
    hub: Hub
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    scheme: str = "light"

    def open(self, path: str = "", *, settle: bool = False) -> Page:
        """Goes there; ``settle`` waits until nothing has been asked of the server for half a second."""
        self.page.bring_to_front()
        self.page.goto(self.hub.page(path))
        if settle:
            self.page.wait_for_load_state("networkidle")
        return self.page

    def expect_refusal(self, status: int) -> None:
        """The console reports an answer of this status as an error; the test wants it."""
        self.expected.append(f"status of {status}")

    def note_error(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.complaints.append(text)

    def note_request(self, request: Request) -> None:
        found = urlsplit(request.url)
        if found.scheme not in ("data", "blob", "about") and found.netloc != urlsplit(self.hub.url).netloc:
            self.complaints.append(f"asked another host: {request.url}")


def quick(context: BrowserContext) -> BrowserContext:
    """What is not there soon is not there."""
    context.set_default_timeout(PATIENCE_MS)
    return context


def watched(page: Page, hub: Hub) -> Watched:
    made = Watched(page, hub)
    page.on("console", lambda message: made.note_error(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("request", made.note_request)
    return made


@pytest.fixture(scope="package")
def signed_in(browser: Browser, hub: Hub) -> str:
    """The state of a browser in which the administrator has signed in, as a file."""
    context = quick(browser.new_context())
    page = context.new_page()
    sign_in(page, hub)
    path = HOME / "signed-in.json"
    context.storage_state(path=path)
    context.close()
    return str(path)


def sign_in(page: Page, hub: Hub, login: str | None = None) -> None:
    page.goto(hub.page("login/"))
    page.fill("#id_username", login or hub.made["login"])
    page.fill("#id_password", hub.made["password"])
    page.click("button[type=submit]")
    page.wait_for_selector("#needs-you")


@pytest.fixture
def visitor(browser: Browser, hub: Hub, signed_in: str) -> Iterator[Watched]:
    """A signed-in page; the test fails for whatever the browser complained of."""
    context = quick(browser.new_context(storage_state=signed_in, viewport=VIEWPORT))
    made = watched(context.new_page(), hub)
    yield made
    context.close()
    assert made.complaints == []
