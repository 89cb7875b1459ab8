"""Sessions in the admin: lists, the timeline, what staff can do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from sessions_app.models import Handoff, Session
from sessions_app.selectors import timeline
from sessions_app.services import facts, handoffs, messages, records, sessions, tasks

SYSTEM = system_principal("test")
EVERYTHING = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
LISTS = ["session", "message", "task", "handoff", "contextsnapshot", "decision"]
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\u202eexe\" onload='x'"


def agent(name: str = "a", tenant: str = "acme") -> Principal:
    return Principal(kind="key", name="k", tenant_id=tenant, agent_id=name, permissions=frozenset({"read", "write"}))


def started(name: str = "s", tenant: str = "acme", said: int = 0) -> Session:
    tenants.ensure(principal=SYSTEM, tenant_id=tenant)
    for who in ("a", "b"):
        agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id=who)
    session = sessions.start(principal=agent(tenant=tenant), session_id=name).session
    for first in range(0, said, 50):
        say(name, *(f"text {n}" for n in range(first + 1, min(said, first + 50) + 1)), tenant=tenant)
    return session


def say(name: str, *texts: str, tenant: str = "acme") -> None:
    said = [messages.NewMessage("user", text, "Maya") for text in texts]
    messages.append(session_id=name, messages=said, principal=agent(tenant=tenant))


def everything(name: str) -> Handoff:
    """One of each kind."""
    own: dict[str, Any] = {"session_id": name, "principal": agent()}
    tasks.put(**own, task_id="t1", fields={"description": HOSTILE})
    facts.put(**own, facts={"items": "a fact called items", HOSTILE: HOSTILE})
    records.decide(**own, new=records.NewDecision(HOSTILE, HOSTILE, HOSTILE, [HOSTILE]))
    records.snapshot(**own, new=records.NewSnapshot({HOSTILE: HOSTILE}, tags=[HOSTILE]))
    return handoffs.give(**own, to_agent="b", handoff_reason=HOSTILE, continuation_instructions=HOSTILE)


def page_of(browser: Client, session: Session, **query: Any) -> str:
    answer = browser.get(reverse("admin:sessions_app_session_change", args=[session.pk]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def numbers(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'hub-event-mark">#(\d+)', html)]


@pytest.mark.parametrize("model", LISTS)
def test_lists_ask_the_same_number_of_queries_for_many_rows(
    model: str, db: None, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    browser = sign_in("Auditor")
    for n in range(12):
        started(f"s{n}", said=2)
        everything(f"s{n}")
    with django_assert_max_num_queries(16):
        assert browser.get(reverse(f"admin:sessions_app_{model}_changelist")).status_code == 200


@pytest.mark.parametrize("model", LISTS)
def test_lists_are_for_staff(model: str, db: None) -> None:
    assert Client().get(reverse(f"admin:sessions_app_{model}_changelist")).status_code == 302


@pytest.mark.parametrize("model", ["message", "task", "handoff", "contextsnapshot", "decision"])
def test_pages_of_records_show_all_and_change_nothing(model: str, db: None, sign_in: Any) -> None:
    session = started(said=1)
    everything("s")
    browser = sign_in()
    listed = browser.get(reverse(f"admin:sessions_app_{model}_changelist")).content.decode()
    link = re.search(rf'/admin/sessions_app/{model}/[^/"]+/change/', listed)
    assert link
    shown = browser.get(link.group()).content.decode()
    assert session.session_id in shown
    assert "<script>alert" not in shown + listed
    assert "\u202e" not in shown + listed
    assert browser.post(link.group(), {}).status_code == 403


def test_the_timeline_holds_everything_in_order(db: None, sign_in: Any) -> None:
    session = started(said=2)
    handoff = everything("s")
    handoffs.accept(handoff_id=handoff.pk, principal=agent("b"))
    say("s", "the last word")
    shown = page_of(sign_in(), session)
    kinds = re.findall(r'class="hub-event hub-event-(\w+)"', shown)
    assert kinds == ["message", "message", "task", "decision", "snapshot", "handoff", "answer", "message"]
    assert numbers(shown) == [1, 2, 3]
    assert "a fact called items" in shown
    assert "<script>alert" not in shown
    assert "\u202e" not in shown


def test_a_long_session_comes_in_pages_without_gaps(db: None, sign_in: Any) -> None:
    session = started(said=timeline.PAGE * 2 + 5)
    browser = sign_in()
    latest = page_of(browser, session)
    middle = page_of(browser, session, before=numbers(latest)[0])
    first = page_of(browser, session, before=numbers(middle)[0])
    assert numbers(first) + numbers(middle) + numbers(latest) == list(range(1, timeline.PAGE * 2 + 6))
    assert "Earlier" in middle
    assert "Earlier" not in first


def test_other_events_stand_on_exactly_one_page(db: None) -> None:
    session = started(said=timeline.PAGE + 5)
    tasks.put(session_id="s", task_id="t", fields={"description": "late"}, principal=agent())
    reader = EVERYTHING.within("acme")
    with behind_walls(reader):
        latest = timeline.page(session, principal=reader)
        first = timeline.page(session, principal=reader, before=latest.older)
    assert [event.kind for event in latest.events].count("task") == 1
    assert [event.kind for event in first.events].count("task") == 0


def test_what_is_new_is_appended_after_the_last_number(db: None, sign_in: Any) -> None:
    session = started(said=3)
    browser = sign_in()
    shown = page_of(browser, session)
    [since] = re.findall(r'data-since="([^"]+)"', shown)
    url = reverse("admin:sessions_app_session_newer", args=[session.pk])
    assert numbers(browser.get(url, {"after": 3, "since": since}).content.decode()) == []
    say("s", "four", "five")
    tasks.put(session_id="s", task_id="t", fields={"description": "new"}, principal=agent())
    found = browser.get(url, {"after": 3, "since": since}).content.decode()
    assert numbers(found) == [4, 5]
    assert 'data-last="5"' in found
    assert "hub-event-task" in found


@pytest.mark.parametrize("query", [{}, {"after": "x", "since": "y"}, {"after": "1", "since": "2026-13-45T00:00:00Z"}])
def test_a_question_for_newer_that_makes_no_sense(query: dict[str, str], db: None, sign_in: Any) -> None:
    session = started(said=1)
    url = reverse("admin:sessions_app_session_newer", args=[session.pk])
    assert sign_in().get(url, query).status_code == 200


def test_an_empty_session_says_so(db: None, sign_in: Any) -> None:
    assert "Nothing has happened" in page_of(sign_in(), started())


def test_staff_limited_to_a_tenant_sees_no_session_of_another(db: None, sign_in: Any) -> None:
    session = started(said=1)
    started("foreign", tenant="globex")
    browser = sign_in("Administrator", tenants=["globex"])
    for page in ("change", "newer"):
        assert browser.get(reverse(f"admin:sessions_app_session_{page}", args=[session.pk])).status_code == 404
    assert "foreign" in browser.get(reverse("admin:sessions_app_session_changelist")).content.decode()


def press(browser: Client, model: str, found: Any, verb: str, **fields: Any) -> Any:
    return browser.post(reverse(f"admin:sessions_app_{model}_verb", args=[found.pk, verb]), fields, follow=True)


def status_of(session: Session) -> str:
    with behind_walls(EVERYTHING):
        return str(Session.objects.get(pk=session.pk).status)


def test_a_session_is_ended_resumed_and_archived(db: None, sign_in: Any) -> None:
    session, browser = started(said=1), sign_in()
    for verb, status in (("end", "ended"), ("resume", "active"), ("archive", "archived"), ("resume", "active")):
        assert press(browser, "session", session, verb).status_code == 200
        assert status_of(session) == status


def test_a_hand_off_is_answered_by_staff(db: None, sign_in: Any) -> None:
    session, browser = started(said=1), sign_in()
    first = everything("s")
    shown = press(browser, "handoff", first, "reject", reason="wrong agent").content.decode()
    assert "Turned back to a" in shown
    second = handoffs.give(session_id="s", to_agent="b", handoff_reason="again", principal=agent())
    press(browser, "handoff", second, "accept")
    with behind_walls(EVERYTHING):
        answers = list(Handoff.objects.order_by("created_at").values_list("status", flat=True))
    assert answers == ["rejected", "accepted"]
    assert "wrong agent" in page_of(browser, session)


@pytest.mark.parametrize("verb", ["end", "resume", "archive"])
def test_verbs_are_not_for_auditors_nor_for_get(verb: str, db: None, sign_in: Any) -> None:
    session = started()
    url = reverse("admin:sessions_app_session_verb", args=[session.pk, verb])
    assert sign_in("Auditor").post(url).status_code == 403
    assert sign_in().get(url).status_code == 405
    assert status_of(session) == "active"
