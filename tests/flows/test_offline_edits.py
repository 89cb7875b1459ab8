"""Two agents edit one preference offline; a person decides; both replicas come to show the decision."""

from __future__ import annotations

from uuid import UUID

import pytest

from agents_app.services import conflicts
from memoryhub.access.principals import ALL_PERMISSIONS, Principal
from tests.flows.offline_edits import BY_ALDEN, BY_SENTRY, TENANT, story

pytestmark = pytest.mark.django_db(transaction=True)
REVIEWER = Principal(kind="staff", name="rita", tenant_id=TENANT, permissions=ALL_PERMISSIONS)


def test_a_reviewer_merges_what_two_agents_edited_offline(live_server, tmp_path):
    with story(live_server.url, tmp_path) as told:
        entry_id = told.begin()
        conflict_id = UUID(told.edit_offline())
        told.check_undecided()
        merged = {"mode": BY_ALDEN["mode"], "size": BY_SENTRY["size"]}
        shown = conflicts.preview(conflict_id, principal=REVIEWER, choices={"/mode": "current", "/size": "candidate:1"})
        assert (shown.valid, shown.value) == (True, merged)
        conflicts.resolve(
            conflict_id,
            principal=REVIEWER,
            conflict_version=shown.conflict_version,
            entry_version=shown.entry_version,
            choices=shown.choices,
            reason="The user asked for the light screen with the larger letters.",
        )
        told.check_decided(entry_id, merged)


def test_a_decision_that_is_undone_and_asked_again_comes_back_to_both(live_server, tmp_path):
    with story(live_server.url, tmp_path) as told:
        told.begin()
        conflict_id = UUID(told.edit_offline())
        seen = conflicts.preview(conflict_id, principal=REVIEWER, value=BY_SENTRY)
        conflicts.resolve(
            conflict_id,
            principal=REVIEWER,
            conflict_version=seen.conflict_version,
            entry_version=seen.entry_version,
            value=BY_SENTRY,
            reason="Sentry is right.",
        )
        told.sync_both()
        assert told.alden.value() == told.sentry.value() == BY_SENTRY
        conflicts.undo(conflict_id, principal=REVIEWER, reason="I had mixed them up.", reopen=True)
        told.check_undecided()
        (again,) = told.sentry.replica.conflicts()
        assert again.conflict_id != str(conflict_id)
        assert [one.status for one in told.sentry.replica.conflicts(decided=True)] == ["undone"]
