"""Locks in the admin: who holds what, who waits, and taking a lock away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import EntryLock
from memoryhub.registry.services import locks
from tests.registry.admin.test_entries import address, page_of, stored, writer


@pytest.fixture
def locked(db: None) -> UUID:
    entry_id = stored(key="shared")
    stored(tenant="globex")
    locks.acquire(entry_id, principal=writer(agent="holder"), reason="counting")
    locks.acquire(entry_id, principal=writer(agent="next"), wait=True)
    return entry_id


def test_the_list_shows_what_is_held(locked: UUID, sign_in: Any) -> None:
    stored(key="free")
    page = sign_in("Auditor").get(address("changelist", model="entrylock")).content.decode()
    assert all(text in page for text in ("holder", "shared", "counting"))
    assert "free" not in page
    assert sign_in("Auditor").get(address("changelist", model="lockwaiter")).status_code == 200
    page = sign_in(tenants=["globex"]).get(address("changelist", model="entrylock")).content.decode()
    assert "counting" not in page


def test_the_page_of_a_lock_and_of_its_entry(locked: UUID, sign_in: Any) -> None:
    page = sign_in("Auditor").get(address("change", locked, model="entrylock")).content.decode()
    assert "next" in page
    assert "Force release" not in page, "an auditor only looks"
    assert "locked by holder" in page_of(sign_in("Auditor"), locked)


def press(browser: Any, entry_id: UUID, **fields: str) -> Any:
    return browser.post(address("verb", entry_id, "force-release", model="entrylock"), fields, follow=True)


def test_taking_a_lock_away(locked: UUID, sign_in: Any) -> None:
    browser = sign_in()
    assert "Force release" in browser.get(address("change", locked, model="entrylock")).content.decode()
    assert "say why" in press(browser, locked).content.decode()
    assert "Taken away from holder" in press(browser, locked, reason="it is gone").content.decode()
    with behind_walls(writer()):
        assert EntryLock.objects.get(pk=locked).holder == "next"


@pytest.mark.parametrize("role", ["Auditor", "Conflict reviewer"])
def test_only_administrators_take_locks_away(locked: UUID, sign_in: Any, role: str) -> None:
    assert press(sign_in(role), locked, reason="mine").status_code == 403
    assert press(sign_in(tenants=["globex"]), locked, reason="mine").status_code in (302, 404)
