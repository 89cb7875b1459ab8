"""Rules of kinds of work, and the check that they are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import ConsultationRequired, NotPublished, RuleStale
from procedures_app.models import Mode, Procedure
from procedures_app.services import enforcement
from procedures_app.services.consultations import new_token
from tests.conftest import MakeKey
from tests.procedures_app.conftest import begun, principal_of

pytestmark = pytest.mark.django_db


def strict(kind: str, governor: Principal) -> None:
    enforcement.set_rule(kind, principal=governor, mode="strict")


@pytest.mark.parametrize(
    "spelling",
    ["prod_deploy", "Prod Deploy", " PROD-DEPLOY ", "prod//deploy", "Ｐｒｏｄ　deploy", "pród.deploy", "prod__deploy_"],
)
def test_a_kind_has_one_spelling(spelling: str):
    assert enforcement.canonical_kind(spelling) == "prod_deploy"


@pytest.mark.parametrize("kind", ["", " ", "*", "—", "部署", "x" * 61])
def test_a_kind_is_a_name(kind: str):
    with pytest.raises(Invalid) as refused:
        enforcement.canonical_kind(kind)
    assert refused.value.field == "kind"


def test_without_a_rule_the_setting_holds(agent: Principal):
    assert enforcement.mode_of("deployment", principal=agent) is Mode.ADVISE
    assert enforcement.mode_of("memory_write", principal=agent) is Mode.OFF


def test_the_rule_for_every_kind_is_not_for_memory_at_large(agent: Principal, governor: Principal):
    strict("*", governor)
    enforcement.set_rule("Testing", principal=governor, mode="off")
    modes = {kind: enforcement.mode_of(kind, principal=agent) for kind in ("deployment", "testing", "memory_write")}
    assert modes == {"deployment": "strict", "testing": "off", "memory_write": "off"}


def test_strict_work_needs_a_consultation_of_its_kind(agent: Principal, governor: Principal):
    strict("deployment", governor)
    consulted = begun(agent, "deployment")
    assert enforcement.check("Deployment", principal=consulted)
    with pytest.raises(ConsultationRequired) as refused:
        enforcement.check("deployment", principal=agent)
    assert refused.value.extra == {"kind": "deployment", "begin": "/memory/operations/begin", "lack": "missing"}
    assert "operations/begin" in refused.value.message
    assert "Consultation-Token" in refused.value.message


def test_a_token_is_good_for_its_holder_alone(agent: Principal, governor: Principal, make_key: MakeKey):
    strict("deployment", governor)
    consulted = begun(agent, "deployment")
    token = consulted.consultation
    other_key = principal_of(make_key(agent="alden"))
    other_agent = principal_of(make_key(agent="mimic"))
    shared = make_key()
    by_header = begun(principal_of(shared, "alden"), "deployment")
    elsewhere = principal_of(make_key(tenant="globex", agent="alden", scopes=("read", "write", "admin")))
    strict("deployment", elsewhere)
    lacks = {}
    for name, caller in {
        "key": replace(other_key, consultation=token),
        "agent": replace(other_agent, consultation=token),
        "header": replace(principal_of(shared, "mimic"), consultation=by_header.consultation),
        "nobody": replace(principal_of(shared), consultation=by_header.consultation),
        "tenant": replace(elsewhere, consultation=token),
        "forged": replace(agent, consultation=f"{token[:-4]}0000"),
        "unknown": replace(agent, consultation=new_token(governor.key_id)),  # type: ignore[arg-type]
        "malformed": replace(agent, consultation="mhc_1"),
    }.items():
        with pytest.raises(ConsultationRequired) as refused:
            enforcement.check("deployment", principal=caller)
        lacks[name] = refused.value.extra["lack"]
    foreign = dict.fromkeys(("key", "agent", "header", "nobody"), "foreign")
    assert lacks == foreign | dict.fromkeys(("tenant", "forged", "unknown", "malformed"), "unknown")


@pytest.mark.parametrize("status", ["succeeded", "failed", "abandoned"])
def test_an_operation_that_ended_is_no_consultation(agent: Principal, governor: Principal, status: str):
    strict("deployment", governor)
    consulted = begun(agent, "deployment", status=status, finished_at=timezone.now())
    with pytest.raises(ConsultationRequired) as refused:
        enforcement.check("deployment", principal=consulted)
    assert refused.value.extra["lack"] == "ended"


def test_nor_is_one_that_expired_or_is_of_another_kind(agent: Principal, governor: Principal):
    strict("deployment", governor)
    expired = begun(agent, "deployment", expires_at=timezone.now() - timedelta(seconds=1))
    for consulted, lack in ((expired, "expired"), (begun(agent, "testing"), "other_kind")):
        with pytest.raises(ConsultationRequired) as refused:
            enforcement.check("deployment", principal=consulted)
        assert refused.value.extra["lack"] == lack


def test_what_calls_itself_memory_write_is_held_to_the_rule_for_every_kind(agent: Principal, governor: Principal):
    strict("*", governor)
    with pytest.raises(ConsultationRequired):
        enforcement.check("memory_write", principal=agent)


def test_advice_and_people_ask_for_nothing(agent: Principal, governor: Principal):
    enforcement.set_rule("deployment", principal=governor, mode="advise")
    assert enforcement.check("deployment", principal=agent) is None
    strict("deployment", governor)
    assert enforcement.check("deployment", principal=system_principal("test", "acme")) is None


def test_rules_are_for_governors(agent: Principal, governor: Principal):
    strict("deployment", governor)
    for attempt in (
        lambda: enforcement.set_rule("deployment", principal=agent, mode="off"),
        lambda: enforcement.set_rule("other", principal=agent, mode="off"),
        lambda: enforcement.remove_rule("deployment", principal=agent),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert enforcement.mode_of("deployment", principal=agent) is Mode.STRICT


def test_a_rule_is_changed_from_the_version_that_was_seen(governor: Principal):
    rule = enforcement.set_rule("deployment", principal=governor, mode="advise", if_version=0)
    changed = enforcement.set_rule("Deployment", principal=governor, mode="strict", note="Friday", if_version=1)
    assert (changed.pk, changed.version, changed.changed_by) == (rule.pk, 2, "boss")
    same = enforcement.set_rule("deployment", principal=governor, mode="strict", note="Friday")
    assert same.version == 2
    for stale in (0, 1, 3):
        with pytest.raises(RuleStale):
            enforcement.set_rule("deployment", principal=governor, mode="off", if_version=stale)
        with pytest.raises(RuleStale):
            enforcement.remove_rule("deployment", principal=governor, if_version=stale)
    enforcement.remove_rule("deployment", principal=governor, if_version=2)
    with pytest.raises(NotFound):
        enforcement.remove_rule("deployment", principal=governor)
    with behind_walls(governor):
        rows = AuditEvent.objects.filter(object_type="rule").order_by("at")
        actions = [*rows.values_list("action", flat=True)]
    assert actions == ["procedures.rule.set", "procedures.rule.set", "procedures.rule.removed"]


def test_a_rule_requires_a_procedure_that_can_be_followed(governor: Principal):
    with behind_walls(governor):
        Procedure.objects.create(tenant_id="acme", name="roll-out")
    for kind, procedure, error in (
        ("deployment", "nothing", NotFound),
        ("deployment", "roll-out", NotPublished),
        ("memory_write", "roll-out", Invalid),
    ):
        with pytest.raises(error):
            enforcement.set_rule(kind, principal=governor, mode="strict", procedure=procedure)
    with pytest.raises(Invalid) as refused:
        enforcement.set_rule("deployment", principal=governor, mode="harsh")
    assert refused.value.field == "mode"
