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
