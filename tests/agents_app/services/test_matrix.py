"""The sharing matrix: reading it, previewing changes, saving them."""

from __future__ import annotations

import pytest

from agents_app.exceptions import MatrixStale, RuleExists, RuleStale
from agents_app.models import Regrant, SharingRule
from agents_app.services import matrix, regranting, sharing, sharing_defaults
from agents_app.services.matrix_cells import CellChange
from agents_app.services.sharing import RuleChange
from memoryhub.access.exceptions import Invalid, NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

TEAM = ("alden", "alice", "sentry", "mimic")


@pytest.fixture
def team(as_agent):
    return {name: as_agent(name) for name in TEAM}


@pytest.fixture
def store(team):
    def make(key, category, by="alden"):
        return entries.store(Draft(key=key, value=1, scope="agent", category=category), principal=team[by])

    return make


def letters(found, category):
    return "".join(f"{found.cells[category, name].letters} " for name in TEAM).strip()


def test_the_published_rules_as_a_matrix(admin, job, team, store):
    sharing_defaults.install(principal=job, tenant_id="acme")
    store("a", "preference")
    found = matrix.effective(principal=admin)
    assert found.agents == sorted(TEAM)
    assert letters(found, "user_preferences") == "RP R – RP"
    assert letters(found, "private_tasks") == "X – – –"
    cell = found.cells["user_preferences", "mimic"]
    assert (cell.memories, cell.own, cell.words) == (1, 0, "reads others' memories, is told of them")
    assert found.cells["user_preferences", "alden"].own == 1
    assert set(map(str, cell.rule_ids)) <= set(found.versions)


def test_a_preview_counts_exactly_and_changes_nothing(admin, job, team, store):
    for n in range(3):
        store(f"n{n}", "notes")
    store("hers", "notes", by="alice")
    changes = [CellChange("notes", "alice", "R"), CellChange("notes", "mimic", "RW")]
    seen = matrix.preview(changes, principal=admin)
    assert [(c.agent_id, c.before, c.after, c.appear) for c in seen.cells] == [
        ("alice", "–", "R", 3),
        ("mimic", "–", "RW", 4),
    ]
    assert (seen.appear, seen.vanish, seen.change) == (7, 0, 0)
    with behind_walls(job):
        assert not SharingRule.objects.exists()
        assert not Regrant.objects.exists()
    matrix.save(changes, {}, principal=admin)
    with behind_walls(job):
        assert not Grant.objects.exists()
    regranting.work(principal=job, limit=500)
    with behind_walls(job):
        assert Grant.objects.count() == 7
    closing = [CellChange("notes", "alden", "X"), CellChange("notes", "mimic", "R")]
    seen = matrix.preview(closing, principal=admin)
    counts = {c.agent_id: (c.appear, c.vanish, c.change) for c in seen.cells}
    assert counts == {"alice": (0, 3, 0), "mimic": (0, 3, 1), "alden": (0, 0, 0)}


def test_each_cell_reads_as_chosen(admin, team):
    for choice in ("R", "RW", "RP", "RWP", "X", "RX", "RWPX", "–", "rx", ""):
        seen = matrix.effective(principal=admin)
        matrix.save(
            [CellChange("notes", "alice", choice), CellChange("notes", "mimic", "R")], seen.versions, principal=admin
        )
        found = matrix.effective(principal=admin)
        assert found.cells["notes", "alice"].letters == (choice.upper() or "–")
        assert found.cells["notes", "mimic"].letters == "R"


@pytest.mark.parametrize("wrong", ["W", "P", "WP", "Q", "RQ"])
def test_what_no_cell_can_read_is_refused(admin, team, wrong):
    with pytest.raises(Invalid):
        matrix.save([CellChange("notes", "alice", wrong)], {}, principal=admin)


def test_a_restriction_for_all_closes_every_cell(admin, team):
    sharing.save_rules([RuleChange(category="notes", action="restrict")], principal=admin)
    found = matrix.effective(principal=admin)
    assert letters(found, "notes") == "X X X X"
    assert found.cells["notes", "alice"].fixed
    with pytest.raises(Invalid):
        matrix.save([CellChange("notes", "alice", "R")], found.versions, principal=admin)


def test_a_stale_save_names_the_cells_that_others_changed(admin, team):
    matrix.save([CellChange("notes", "alice", "R")], {}, principal=admin)
    mine, theirs = matrix.effective(principal=admin), matrix.effective(principal=admin)
    matrix.save([CellChange("notes", "sentry", "R")], theirs.versions, principal=admin)
    with pytest.raises(MatrixStale) as stale:
        matrix.save([CellChange("notes", "mimic", "R")], mine.versions, principal=admin)
    cells = {row["agent_id"]: row["letters"] for row in stale.value.extra["cells"]}
    assert cells == {"alice": "R", "sentry": "R"}
    assert stale.value.extra["cells"][0]["changed_by"] == "admin"
    matrix.save([CellChange("others", "mimic", "R")], mine.versions, principal=admin)
    now = matrix.effective(principal=admin)
    sharing.save_rules(
        [RuleChange(rule_id=rule.pk, delete=True) for rule in now.rules if rule.category == "notes"], principal=admin
    )
    with pytest.raises(MatrixStale) as stale:
        matrix.save([CellChange("notes", "mimic", "R")], now.versions, principal=admin)
    assert {row["letters"] for row in stale.value.extra["cells"]} == {"–"}


def test_rules_are_checked_and_audited(admin, job, team, as_agent):
    [made] = sharing.save_rules(
        [RuleChange(category="Notes", action="share", to_agents=["alice"])], principal=admin
    ).rules
    assert made.category == "notes"
    with pytest.raises(RuleExists):
        sharing.save_rules([RuleChange(category="notes", action="share", to_agents=["mimic"])], principal=admin)
    with pytest.raises(RuleStale):
        sharing.save_rules([sharing.as_change(made, active=False, if_version=7)], principal=admin)
    with pytest.raises(NotFound):
        sharing.save_rules([RuleChange(category="x", action="share", to_agents=["ghost"])], principal=admin)
    for wrong in ({"action": "share"}, {"action": "restrict", "to_agents": ["alice"]}, {"action": "open"}):
        with pytest.raises(Invalid):
            sharing.save_rules([RuleChange(category="x", **wrong)], principal=admin)
    with pytest.raises(ScopeMissing):
        sharing.save_rules([], principal=team["alden"])
    [changed] = sharing.save_rules([sharing.as_change(made, to_agents=["mimic"], if_version=1)], principal=admin).rules
    assert changed.version == 2
    with behind_walls(job):
        codes = set(AuditEvent.objects.filter(object_type="sharing_rule").values_list("action", flat=True))
    assert codes == {"agents.rule.created", "agents.rule.changed"}
