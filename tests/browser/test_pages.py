"""The admin in a real browser."""

from __future__ import annotations

from tests.browser.conftest import Watched


def test_dashboard(visitor: Watched) -> None:
    page = visitor.open()
    assert page.locator("#needs-you").is_visible()
