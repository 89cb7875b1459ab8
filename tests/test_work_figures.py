"""How agents work, on the dashboard: figures of the last days, who sees them, what fails; knowledge that waits."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from memoryhub import attention, work_figures
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import access_log, entries
from memoryhub.registry.services.drafts import Draft
from tests.procedures_app import rows
from tests.procedures_app.admin.running import STEPS, run

AGENT = Principal(kind="key", name="k", tenant_id="acme", agent_id="a", permissions=frozenset({"read", "write"}))
TITLES = {kind.title for kind in work_figures.KINDS}

pytestmark = pytest.mark.usefixtures("tenant")


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


def figures(browser: Any) -> dict[str, tuple[str, str]]:
    found = browser.get("/admin/").context["work"]
    return {each["title"]: (each["figure"].value, each["figure"].detail) for each in found}


def test_without_anything_no_share_is_claimed(sign_in: Any) -> None:
    found = figures(sign_in())
    assert set(found) == TITLES
    assert found["Memory queries per minute"] == ("0.0", "in the last 5 minutes")
    assert found["Errors captured"] == ("0", "in 30 days")
    for title in ("Known solutions that helped", "Procedures followed", "Work that consulted"):
        assert found[title][0] == "—"


def test_the_figures_count_what_happened(sign_in: Any) -> None:
    known = rows.problem("acme")
    solution = rows.solutions_of(known)[0]
    for solved in (True, True, False, None):
        rows.error(known, solution=solution, solved=solved)
    rows.error(known, matched_by="new")
    for compliant in (True, False):
        run(steps=dict.fromkeys(STEPS, "done"), status="completed", compliant=compliant, finished_at=timezone.now())
    rows.work("acme", operation=rows.operation("acme"))
    rows.work("acme")
    with behind_walls(AGENT):
        for key in "ab":
            entries.store(Draft(key=key, value=1, scope="tenant", layer="long_term"), principal=AGENT)
            entries.retrieve(key=key, principal=AGENT)
    access_log.log.flush()
    assert figures(sign_in()) == {
        "Memory queries per minute": ("0.4", "in the last 5 minutes"),
        "Errors captured": ("5", "4 of a known problem"),
        "Known solutions that helped": ("67%", "2 of 3 solutions that were tried helped"),
        "Procedures followed": ("50%", "1 of 2 runs went exactly as written"),
        "Work that consulted": ("50%", "1 of 2 pieces of work asked memory first"),
    }


def test_limits_and_roles_hold(sign_in: Any) -> None:
    rows.work("acme")
    tenants.ensure(principal=system_principal("test"), tenant_id="globex")
    assert figures(sign_in("Administrator", tenants=["globex"]))["Work that consulted"][0] == "—"
    assert figures(sign_in("")) == {}


def test_what_fails_is_unavailable(sign_in: Any, monkeypatch: Any) -> None:
    def broken(principal: Principal) -> work_figures.Figure:
        raise DatabaseError("too slow")

    kind = work_figures.Kind("Errors captured", "procedures_app.capturederror", broken)
    monkeypatch.setattr(work_figures, "KINDS", (kind,))
    page = sign_in().get("/admin/").content.decode()
    assert "<dd>unavailable</dd>" in page


def test_knowledge_that_needs_a_person_waits_on_the_dashboard(sign_in: Any) -> None:
    boss = Principal(kind="staff", name="boss", permissions=frozenset({"admin"}))
    with behind_walls(boss):
        assert attention.knowledge_to_curate(boss) == []
    rows.problem("acme", occurrences=5, rates=[])
    rows.problem("acme", rates=[(5, 0), (0, 5)])
    with behind_walls(boss):
        [line] = attention.knowledge_to_curate(boss)
    assert (line.count, line.title) == (2, "Pieces of knowledge to curate")
    told = "1 without a solution, 1 with contradicting solutions, 1 met often and not verified"
    assert line.detail == f"Of these: {told}."
    browser = sign_in()
    assert len(browser.get(line.link).context["cl"].result_list) == 2
