"""A key that is bound to a user hears nothing of what is about others; an agent nothing of others' affairs."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from agents_app import selectors, selectors_feed
from agents_app.services import conflicts, replicas, syncing
from agents_app.stream.doors import is_own
from memoryhub.access.exceptions import NotFound
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

pytestmark = pytest.mark.django_db


def disputed(owner, user):
    """An entry about the user with a conflict that waits for a person."""
    caller = owner("alden", user=user)
    entry = entries.store(Draft(key="k", value=1, scope="agent", user_id=user), principal=caller).entry_id
    entries.store(Draft(key="k", value=2, scope="agent", user_id=user), principal=caller)
    return conflicts.submit(entry, principal=caller, base_version=1, value=3, strategy="manual_review").conflict_id


def test_the_status_of_an_agent_counts_what_is_about_the_bound_user(as_agent):
    free, bound = as_agent("alden"), as_agent("alden", user="u1", bound_user="u1")
    disputed(as_agent, "u2")
    replicas.register(principal=free, user_id="u2", name="laptop of u2")
    syncing.sync_agent("alden", principal=free, user_id="u2")
    seen = selectors.status("alden", principal=bound)
    assert (seen.open_conflicts, seen.replicas, seen.last_run) == (0, [], None)
    whole = selectors.status("alden", principal=free)
    assert (whole.open_conflicts, len(whole.replicas)) == (1, 1)
    assert whole.last_run is not None


def test_a_bound_key_does_not_move_the_replica_of_another_user(as_agent):
    other = replicas.register(principal=as_agent("alden"), user_id="u2")
    bound = as_agent("alden", user="u1", bound_user="u1")
    with pytest.raises(NotFound):
        selectors_feed.changes(selectors_feed.Asked(replica_id=other.pk), principal=bound)


def test_the_feed_shows_conflicts_that_the_agent_may_see(as_agent):
    conflict = disputed(as_agent, "u1")
    assert list(selectors_feed.conflicts_of([conflict], as_agent("alden"))) == [conflict]
    assert selectors_feed.conflicts_of([conflict], as_agent("bob")) == {}


def test_an_agent_lists_its_own_sync_runs(as_agent):
    syncing.sync_agent("alden", principal=as_agent("alden"))
    for agent, seen in (("alden", 1), ("carol", 0)):
        with behind_walls(caller := as_agent(agent)):
            assert selectors.runs(principal=caller).count() == seen


@pytest.mark.parametrize("origin", ["http://localhost:999999", "http://[", "null", ""])
def test_an_origin_that_is_no_address_is_refused(origin):
    assert is_own(origin, RequestFactory().get("/admin/stream", HTTP_HOST="localhost:8000")) is False
