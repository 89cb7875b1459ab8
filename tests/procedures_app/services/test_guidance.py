"""What memory advises before work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import ScopeMissing
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search import embeddings
from procedures_app.models import Procedure, Run, Solution, WorkRecord
from procedures_app.services import defaults, enforcement, guidance, knowledge, procedures, work
from tests.conftest import MakeKey
from tests.procedures_app.conftest import principal_of

pytestmark = pytest.mark.django_db
DEPLOY = "Deploy backend v3.1.195 to production"


def did(principal: Principal, action: str, *, days: float = 1, **fields: Any) -> WorkRecord:
    said: dict[str, Any] = {"kind": "deployment", "success": True}
    record = work.record(principal=principal, action=action, **said | fields)
    with behind_walls(principal):
        WorkRecord.objects.filter(pk=record.pk).update(created_at=timezone.now() - timedelta(days=days))
    return record


def codes(advice: dict[str, Any]) -> dict[str, str]:
    return {warning["code"]: warning["text"] for warning in advice["warnings"] if warning["code"] != "degraded"}


@pytest.fixture
def installed(tenant: str) -> str:
    """The procedures that come with the hub."""
    defaults.install(principal=system_principal("test"), tenant_id=tenant)
    return tenant


def advised_for(error: str, principal: Principal, *, successes: int) -> float:
    """How sure guidance is of the solution of a known error that helped so many times."""
    with behind_walls(principal):
        Solution.objects.update(successes=successes)
    advice = guidance.contextual("Mend the nightly import", principal=principal, context={"error": error})
    return float(next(one["confidence"] for one in advice["known_solutions"]))


def test_a_solution_that_helped_with_an_error_again_and_again_is_fit_to_follow(agent: Principal):
    error = "QueuePool limit of size 5 overflow 10 reached, connection timed out"
    knowledge.capture(principal=agent, title="The pool is dry", content={"error": error}, solution="Raise the limit")
    same = error.replace("5", "20")
    sure = [advised_for(same, agent, successes=count) for count in (0, 1, 5, 30)]
    assert sure == sorted(set(sure))
    assert sure[0] < 0.7
    assert sure[-1] > 0.8


def test_of_nothing_known_nothing_is_advised(agent: Principal):
    advice = guidance.contextual(DEPLOY, principal=agent)
    assert advice["primary_recommendation"] is None
    assert (advice["confidence"], advice["confident"], advice["already_done"]) == (0, False, None)
    assert not any(advice[name] for name in ("similar_work", "known_solutions", "procedures"))


def test_the_procedure_for_the_kind_of_work_is_fit_to_follow(agent: Principal, installed: str):
    advice = guidance.contextual(DEPLOY, principal=agent, kind="Deployment", context={"risk_level": "medium"})
    best = advice["primary_recommendation"]
    assert (best["type"], best["name"], best["required"]) == ("procedure", "memory-aware-deployment", False)
    assert best["why"] == "It is for this kind of work; no run of it has ended yet."
    assert advice["confident"]
    assert 0.8 < advice["confidence"] < 1
    assert advice["procedures"][0]["confidence"] == advice["confidence"]
    unnamed = guidance.contextual(DEPLOY, principal=agent)
    assert unnamed["primary_recommendation"]["name"] == "memory-aware-deployment"
    assert unnamed["confidence"] < advice["confidence"]


def test_its_failed_runs_make_it_less_sure_and_its_completed_ones_more(agent: Principal, installed: str):
    sure = [guidance.contextual(DEPLOY, principal=agent, kind="deployment")["confidence"]]
    for status in (Run.Status.FAILED, Run.Status.COMPLETED):
        with behind_walls(agent):
            procedure = Procedure.objects.get(name="memory-aware-deployment")
            for _ in range(6):
                Run.objects.create(
                    tenant_id="acme",
                    procedure=procedure,
                    procedure_version_id=str(procedure.current_id),
                    status=status,
                )
        sure.append(guidance.contextual(DEPLOY, principal=agent, kind="deployment")["confidence"])
    assert sure[1] < sure[2] < sure[0]


def test_a_retired_procedure_is_not_advised(agent: Principal, governor: Principal, installed: str):
    procedures.retire("memory-aware-deployment", principal=governor)
    best = guidance.contextual(DEPLOY, principal=agent, kind="deployment")["primary_recommendation"]
    assert best is None or best["name"] != "memory-aware-deployment"


def test_work_like_it_tells_what_went_wrong(agent: Principal):
    did(agent, "Deploy backend v3.1.192 to production", days=3)
    did(agent, "Deploy backend v3.1.193 to production", days=2, success=False, error_message="migration timed out")
    did(agent, "Deploy backend v3.1.194 to production", days=1, success=False, error_message="health check failed")
    did(agent, "Paint the fence", kind="general")
    advice = guidance.contextual(DEPLOY, principal=agent, kind="deployment")
    assert len(advice["similar_work"]) == 3
    assert advice["similar_work"][0]["says"].startswith("Tried yesterday (")
    told = codes(advice)
    assert set(told) == {"past_failures"}
    failures = "The last 2 of 3 pieces of work like this failed: health check failed; migration timed out."
    assert told["past_failures"].startswith(f"{failures} The newest: yesterday (")
    best = advice["primary_recommendation"]
    assert (best["type"], best["name"]) == ("approach", "Deploy backend v3.1.192 to production")
    assert 0 < advice["confidence"] < 0.5


def test_what_the_context_speaks_of_is_searched_too(agent: Principal):
    did(agent, "Fixed auth bug in the gateway", success=False, error_message="sessions were lost", kind="general")
    alone = guidance.contextual(DEPLOY, principal=agent)
    both = guidance.contextual(DEPLOY, principal=agent, context={"changes": ["Fixed auth bug in the gateway"]})
    assert not alone["similar_work"]
    assert [row["action"] for row in both["similar_work"]] == ["Fixed auth bug in the gateway"]
    assert both["similar_work"][0]["about"] == "Fixed auth bug in the gateway"
    assert "failed before: sessions were lost (yesterday" in codes(both)["context_failures"]
    assert both["primary_recommendation"] is None


def test_what_is_done_already_is_said(agent: Principal):
    did(agent, DEPLOY, input={"risk": "low"}, output="v3.1.195 is live")
    for asked in (
        guidance.contextual(DEPLOY, principal=agent, context={"risk": "low"}),
        guidance.contextual("deploy the backend v3.1.195 to production", principal=agent, kind="deployment"),
    ):
        assert asked["already_done"]["records"][0]["result"] == "v3.1.195 is live"
        assert "yesterday (" in codes(asked)["already_done"]
    for other in ("Deploy backend v3.1.196 to production", "Deploy frontend v3.1.195 to production"):
        assert guidance.contextual(other, principal=agent, kind="deployment")["already_done"] is None
    assert guidance.contextual(DEPLOY, principal=agent, context={"risk": "high"})["already_done"] is None


def test_what_is_about_users_that_are_not_named_stays_out(agent: Principal, governor: Principal, make_key: MakeKey):
    did(agent.naming(user_id="pat"), DEPLOY, input={"secret": "swordfish"})
    stranger = principal_of(make_key(tenant="globex", agent="alden"))
    for caller in (agent, governor, agent.naming(user_id="ada"), stranger.naming(user_id="pat")):
        advice = guidance.contextual(DEPLOY, principal=caller, context={"secret": "swordfish"})
        assert not advice["similar_work"]
        assert advice["already_done"] is None
    assert guidance.contextual(DEPLOY, principal=agent.naming(user_id="pat"), context={"secret": "swordfish"})[
        "already_done"
    ]


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "embed_queries", lambda texts, embedder=None: None)


def test_without_the_model_it_goes_by_words_and_says_so(agent: Principal, without_model: None):
    did(agent, "Deploy backend v3.1.194 to production")
    advice = guidance.contextual(DEPLOY, principal=agent, kind="deployment")
    assert [row["action"] for row in advice["similar_work"]] == ["Deploy backend v3.1.194 to production"]
    assert "degraded" in {warning["code"] for warning in advice["warnings"]}


def test_a_rule_alone_makes_it_certain(agent: Principal, governor: Principal, installed: str):
    enforcement.set_rule("testing", principal=governor, mode="strict", procedure="memory-aware-deployment")
    advice = guidance.contextual("Run the tests", principal=agent, kind="testing")
    best = advice["primary_recommendation"]
    assert (best["name"], best["required"], best["version"]) == ("memory-aware-deployment", True, 1)
    assert (advice["confidence"], advice["confident"]) == (1.0, True)
    assert "procedure_required" in codes(advice)
    enforcement.set_rule("testing", principal=governor, mode="off", procedure="memory-aware-deployment")
    assert guidance.contextual("Run the tests", principal=agent, kind="testing")["confidence"] < 1


def test_it_needs_read(agent: Principal):
    with pytest.raises(ScopeMissing):
        guidance.contextual(DEPLOY, principal=replace(agent, permissions=frozenset({"write"})))
