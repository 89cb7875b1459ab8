"""The job that brings the grants of stored memories in line with changed rules."""

from __future__ import annotations

import pytest
from django.db import connection

from agents_app.models import Regrant, SyncRun
from agents_app.services import categories, regranting, sharing
from agents_app.services.sharing import RuleChange
from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services import sharing as by_hand
from memoryhub.registry.services.drafts import Draft
from memoryhub.runtime import archive


@pytest.fixture
def keep(as_agent):
    for name in ("alden", "alice", "mimic"):
        as_agent(name)

    def make(key, category="notes", by="alden", **fields):
        return entries.store(
            Draft(key=key, value=1, scope="agent", category=category, **fields), principal=as_agent(by)
        )

    return make


def rule(job, category="notes", action="share", to=("alice",), **fields):
    change = RuleChange(category=category, action=action, to_agents=to, **fields)
    return sharing.save_rules([change], principal=job).rules[0]


def grants(job):
    with behind_walls(job):
        return sorted(Grant.objects.values_list("agent_id", "reason", "can_write"))


def run(job, limit=500):
    return dict(regranting.work(principal=job, limit=limit))


def regrant(job):
    with behind_walls(job):
        return Regrant.objects.latest("created_at")


def test_slices_go_on_where_the_last_one_stopped(job, keep):
    for n in range(7):
        keep(f"k{n}", by="alden" if n % 2 else "mimic")
    keep("other", "other")
    rule(job)
    assert run(job, limit=3) == {"looked_at": 3, "granted": 3, "revoked": 0}
    halfway = regrant(job)
    assert (halfway.status, halfway.done, halfway.total, halfway.attempts) == ("running", 3, 8, 0)
    assert run(job) == {"looked_at": 5, "granted": 4, "revoked": 0}
    finished = regrant(job)
    assert (finished.status, finished.done, finished.total, finished.granted) == ("done", 8, 8, 7)
    assert run(job) == {"looked_at": 0, "granted": 0, "revoked": 0}
    assert grants(job) == [("alice", "rule", False)] * 7
    with behind_walls(job):
        assert AuditEvent.objects.filter(action="access.grant.made").count() == 7


def test_a_removed_rule_takes_its_grants_and_a_restriction_all(job, keep):
    made = rule(job)
    stored = keep("k")
    by_hand.share(stored.entry_id, principal=job, agent_ids=["mimic"])
    sharing.save_rules([RuleChange(rule_id=made.pk, delete=True)], principal=job)
    assert run(job)["revoked"] == 1
    assert grants(job) == [("mimic", "explicit", False)]
    rule(job, action="restrict", to=())
    assert run(job)["revoked"] == 1
    assert grants(job) == []


def test_a_rule_that_moves_to_another_category_is_followed_in_both(job, keep):
    keep("a", "notes")
    keep("b", "plans")
    made = rule(job)
    run(job)
    sharing.save_rules([sharing.as_change(made, category="plans", can_write=True)], principal=job)
    assert run(job) == {"looked_at": 2, "granted": 1, "revoked": 1}
    assert grants(job) == [("alice", "rule", True)]


def test_what_was_stored_under_another_spelling_follows_a_new_alias(job, keep):
    keep("a", "Memo")
    rule(job)
    run(job)
    categories.save_alias(principal=job, alias="memo", category="notes")
    assert run(job)["granted"] == 1
    categories.remove_alias(principal=job, alias="memo")
    assert run(job)["revoked"] == 1


def test_changes_before_it_begins_are_one_piece_of_work(job, keep):
    rule(job)
    rule(job, "plans")
    with behind_walls(job):
        [waiting] = Regrant.objects.all()
    assert waiting.categories == ["notes", "plans"]


def test_an_error_is_shown_and_given_up_in_the_end_and_can_be_retried(job, keep, monkeypatch):
    keep("k")
    rule(job)
    with monkeypatch.context() as broken:
        broken.setattr(regranting, "APPLY", "SELECT 1/0, %s, %s")
        for _ in range(regranting.MOST_ATTEMPTS + 1):
            run(job)
    failed = regrant(job)
    assert failed.status == "failed"
    assert "DivisionByZero" in failed.error or "DataError" in failed.error
    regranting.retry(failed.pk, principal=job)
    with pytest.raises(NotFound):
        regranting.retry(failed.pk, principal=job)
    assert run(job)["granted"] == 1
    assert regrant(job).error == ""


def test_a_restored_one_does_not_wait_for_transactions_of_the_other_server(job, keep):
    rule(job)
    with behind_walls(job), connection.cursor() as cursor:
        Regrant.objects.update(starts_after=2**60)
        cursor.execute(archive.FORGET_TRANSACTIONS.decode())
    assert regrant(job).starts_after == 0
    keep("k")
    run(job)
    assert regrant(job).status == "done"


def test_other_tenants_are_left_alone(job, keep, api):
    api(tenant="other", agent="alice")
    keep("k")
    rule(job)
    other = job.within("other")
    assert run(other)["looked_at"] == 0
    with behind_walls(job), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM memory_grants WHERE tenant_id = 'other'")
        assert cursor.fetchone() == (0,)


def test_a_sync_run_does_a_slice_of_it(job, keep, tenant):
    for n in range(3):
        keep(f"k{n}")
    rule(job)
    sync = SyncRun(tenant_id=tenant, agent_id="alden")
    assert regranting.step(sync, principal=job, limit=2) == {"grants_made": 2, "grants_revoked": 0, "more": 1}
    assert regranting.step(sync, principal=job, limit=2) == {"grants_made": 1, "grants_revoked": 0}
