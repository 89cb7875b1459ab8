"""Two agents edit one preference offline; a person decides; both replicas come to show the decision."""

from __future__ import annotations

import pytest

from tests.flows.offline_edits import BY_ALDEN, BY_SENTRY, story

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_reviewer_merges_what_two_agents_edited_offline(live_server, tmp_path):
    with story(live_server.url, tmp_path) as told:
        entry_id = told.begin()
        conflict_id = told.edit_offline()
        told.check_undecided()
        merged = {"mode": BY_ALDEN["mode"], "size": BY_SENTRY["size"]}
        (waiting,) = told.reviewer.conflicts(status="open")
        assert (waiting["conflict_id"], waiting["agent_id"]) == (conflict_id, "sentry")
        picks = {"/mode": "current", "/size": "candidate:1"}
        shown = told.reviewer.preview_conflict(conflict_id, choices=picks)
        assert (shown["valid"], shown["result"]) == (True, {"value": merged})
        told.reviewer.resolve_conflict(
            conflict_id,
            conflict_version=shown["conflict_version"],
            entry_version=shown["entry_version"],
            choices=picks,
            reason="The user asked for the light screen with the larger letters.",
        )
        told.check_decided(entry_id, merged)


def test_a_decision_that_is_undone_and_asked_again_comes_back_to_both(live_server, tmp_path):
    with story(live_server.url, tmp_path) as told:
        told.begin()
        conflict_id = told.edit_offline()
        shown = told.reviewer.preview_conflict(conflict_id, value=BY_SENTRY)
        told.reviewer.resolve_conflict(
            conflict_id,
            conflict_version=shown["conflict_version"],
            entry_version=shown["entry_version"],
            value=BY_SENTRY,
            reason="Sentry is right.",
        )
        told.sync_both()
        assert told.alden.value() == told.sentry.value() == BY_SENTRY
        told.reviewer.undo_conflict(conflict_id, reason="I had mixed them up.", reopen=True)
        told.check_undecided()
        (again,) = told.sentry.replica.conflicts()
        assert again.conflict_id != conflict_id
        assert [one.status for one in told.sentry.replica.conflicts(decided=True)] == ["undone"]
