"""Buttons on the page of an entry: archive, hold, delete, erase, restore."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.admin.entry_verbs import VERBS
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change
from tests.registry.admin.test_entries import address, page_of, stored, writer

EVERYTHING = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))


def press(browser: Client, entry: UUID, verb: str, **fields: Any) -> str:
    """What the page says afterwards."""
    url = reverse("admin:registry_contextentry_verb", args=[entry, verb])
    answer = browser.post(url, fields, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def row(entry: UUID) -> ContextEntry:
    with behind_walls(EVERYTHING):
        found: ContextEntry = ContextEntry.objects.get(pk=entry)
        return found


def test_archived_and_brought_back(db: None, sign_in: Any) -> None:
    entry, browser = stored(), sign_in()
    assert "Archived." in press(browser, entry, "archive", reason="old")
    assert row(entry).archived_at is not None
    assert "Edit value" not in page_of(browser, entry)
    assert "Brought back" in press(browser, entry, "unarchive")
    assert row(entry).archived_at is None


def test_a_hold_keeps_an_entry_until_it_is_lifted(db: None, sign_in: Any) -> None:
    entry, browser = stored(), sign_in()
    assert "say why" in press(browser, entry, "hold")
    assert not row(entry).legal_hold
    assert "Under legal hold" in press(browser, entry, "hold", reason="case 7")
    assert "legal hold" in press(browser, entry, "delete", reason="please").lower()
    assert "legal hold" in press(browser, entry, "erase", reason="please").lower()
    assert row(entry).deleted_at is None
    assert "lifted" in press(browser, entry, "release", reason="case closed")


def test_deleted_and_restored(db: None, sign_in: Any) -> None:
    entry, browser = stored(), sign_in()
    assert "It can be restored until" in press(browser, entry, "delete")
    assert row(entry).deleted_at is not None
    assert "Restored as version" in press(browser, entry, "undelete", reason="needed after all")
    assert row(entry).deleted_at is None


def test_a_permanent_entry_is_deleted_with_a_reason_only(db: None, sign_in: Any) -> None:
    entry, browser = stored(layer="permanent"), sign_in()
    assert "permanent" in press(browser, entry, "delete")
    assert row(entry).deleted_at is None
    press(browser, entry, "delete", reason="superseded")
    assert row(entry).deleted_at is not None


def test_erasing_leads_back_to_the_list_and_leaves_the_trail(db: None, sign_in: Any) -> None:
    entry, browser = stored({"secret": "s"}), sign_in()
    shown = press(browser, entry, "erase", reason="asked by the person")
    assert "Erased" in shown
    assert 'id="changelist"' in shown
    with behind_walls(EVERYTHING):
        assert not ContextEntry.objects.filter(pk=entry).exists()
        trail = AuditEvent.objects.get(action="registry.entry.erased")
        assert (trail.reason, trail.actor_kind, trail.tenant_id) == ("asked by the person", "staff", "acme")


def test_an_old_version_comes_back(db: None, sign_in: Any) -> None:
    entry, browser = stored({"n": 1}), sign_in()
    entries.change(entry, Change(value={"n": 2}, if_version=1), principal=writer())
    assert "as version 3" in press(browser, entry, "restore-version", version=1, shown=2, reason="was right")
    assert row(entry).value == {"n": 1}


def test_a_version_is_not_restored_over_one_that_was_not_shown(db: None, sign_in: Any) -> None:
    entry, browser = stored({"n": 1}), sign_in()
    for n in (2, 3):
        entries.change(entry, Change(value={"n": n}, if_version=n - 1), principal=writer())
    assert "another version" in press(browser, entry, "restore-version", version=1, shown=2)
    assert row(entry).value == {"n": 3}


@pytest.mark.parametrize(
    "fields", [{}, {"version": "x", "shown": "1"}, {"version": "99", "shown": "1"}, {"version": "²", "shown": "1"}]
)
def test_a_version_that_there_is_not(fields: dict[str, str], db: None, sign_in: Any) -> None:
    entry = stored()
    press(sign_in(), entry, "restore-version", **fields)
    assert row(entry).sync_version == 1


def test_a_reason_too_long_changes_nothing(db: None, sign_in: Any) -> None:
    entry = stored()
    assert "longer than 500" in press(sign_in(), entry, "archive", reason="x" * 501)
    assert row(entry).archived_at is None


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_nothing_happens_on_get_nor_for_the_wrong_people(verb: str, db: None, sign_in: Any) -> None:
    entry = stored()
    url = reverse("admin:registry_contextentry_verb", args=[entry, verb])
    fields = {"reason": "r", "version": 1, "shown": 1}
    assert sign_in().get(url).status_code == 405
    assert Client().post(url, fields).status_code == 302
    assert sign_in("Auditor").post(url, fields).status_code == 403
    assert sign_in("Administrator", tenants=[other_tenant()]).post(url, fields).status_code == 404
    found = row(entry)
    assert (found.sync_version, found.deleted_at, found.archived_at) == (1, None, None)


def other_tenant() -> str:
    stored(tenant="globex")
    return "globex"


def test_a_reviewer_archives_but_does_not_delete(db: None, sign_in: Any) -> None:
    entry, browser = stored(), sign_in("Conflict reviewer")
    assert "Archived." in press(browser, entry, "archive")
    for verb in ("delete", "erase", "hold"):
        url = reverse("admin:registry_contextentry_verb", args=[entry, verb])
        assert browser.post(url, {"reason": "r"}).status_code == 403


def test_an_unknown_verb_and_an_unknown_entry(db: None, sign_in: Any) -> None:
    browser = sign_in()
    for entry, verb in ((stored(), "explode"), (UUID(int=7), "archive")):
        url = reverse("admin:registry_contextentry_verb", args=[entry, verb])
        assert browser.post(url).status_code == 404


def test_a_form_from_another_site_is_refused(db: None, sign_in: Any) -> None:
    entry = stored()
    browser = sign_in()
    browser.handler.enforce_csrf_checks = True
    url = reverse("admin:registry_contextentry_verb", args=[entry, "archive"])
    assert browser.post(url, {"reason": "r"}).status_code == 403
    assert address("change", entry)
