"""Removed duplicates and the search for disagreements in the admin: who gets in, and taking a removal back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from agents_app.models import DetectionMark, DuplicateRemoval
from agents_app.services import duplicates
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from tests.registry.admin.test_entries import stored

READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
LISTS = ["duplicateremoval", "detectionmark"]


@pytest.fixture
def removal(db: None) -> UUID:
    kept, dropped = stored(key="kept"), stored(key="dropped")
    job = system_principal("test", "acme")
    with behind_walls(job):
        DetectionMark.objects.create(tenant_id="acme", at="2026-01-01T00:00:00Z", entry_id=kept, compared=2)
    return duplicates.remove(kept, dropped, principal=job, reason="same").removal_id


def address(model: str, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:agents_app_{model}_{page}", args=args)


@pytest.mark.parametrize("model", LISTS)
def test_who_gets_in_and_that_nobody_adds_or_deletes(model: str, removal: UUID, sign_in: Any) -> None:
    assert Client().get(address(model)).status_code == 302
    assert sign_in("").get(address(model)).status_code == 403
    browser = sign_in("Administrator")
    assert b"acme" in browser.get(address(model)).content
    assert browser.get(address(model, "add")).status_code == 403


def test_a_removal_is_taken_back_with_a_reason(removal: UUID, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    page = browser.get(address("duplicateremoval", "change", removal))
    assert "Undo the removal" in page.content.decode()
    do = address("duplicateremoval", "verb", removal, "undo")
    browser.post(do, {"reason": ""})
    assert removal_row(removal).undone_at is None
    assert browser.post(do, {"reason": "two teams"}).status_code == 302
    assert removal_row(removal).undone_at is not None
    with behind_walls(READER):
        assert ContextEntry.objects.get(key="dropped").deleted_at is None
    browser.get(address("duplicateremoval"))  # shows the messages
    assert "Undo the removal" not in browser.get(address("duplicateremoval", "change", removal)).content.decode()


def test_an_auditor_may_not_take_it_back(removal: UUID, sign_in: Any) -> None:
    browser = sign_in("Auditor")
    assert browser.get(address("duplicateremoval", "change", removal)).status_code == 200
    assert browser.post(address("duplicateremoval", "verb", removal, "undo"), {"reason": "x"}).status_code == 403
    assert removal_row(removal).undone_at is None


def removal_row(pk: UUID) -> DuplicateRemoval:
    with behind_walls(READER):
        found: DuplicateRemoval = DuplicateRemoval.objects.get(pk=pk)
    return found
