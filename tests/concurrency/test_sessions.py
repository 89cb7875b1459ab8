"""Sessions under several callers at once: one is started, one hand-off answered, nothing said after the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from sessions_app.models import Handoff, Message, Session
from sessions_app.services import endings, handoffs, messages, sessions
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 8
JOB = system_principal("test", "acme")


def caller(agent: str | None = None) -> Principal:
    return Principal(kind="key", name="k", tenant_id="acme", agent_id=agent, permissions=frozenset({"read", "write"}))


@pytest.fixture(autouse=True)
def acme() -> None:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")


def together(*work: Callable[[], Any]) -> list[Any]:
    """Starts all of it in the same moment; a refusal is a result."""
    start = Barrier(len(work))

    def run(one: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return one()
        except HubError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_starting_the_same_session_at_once_makes_one():
    started = together(*[lambda: sessions.start(session_id="s1", principal=caller())] * AT_ONCE)
    assert sorted(one.resumed for one in started) == [False] + [True] * (AT_ONCE - 1)
    assert len({one.session.pk for one in started}) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_a_handoff_is_answered_once(attempt: int):
    sessions.start(session_id="s1", principal=caller("giver"))
    given = handoffs.give(session_id="s1", to_agent="taker", handoff_reason="x", principal=caller("giver"))
    taker = caller("taker")
    accepted, rejected, *_ = together(
        lambda: handoffs.accept(handoff_id=given.pk, principal=taker),
        lambda: handoffs.reject(handoff_id=given.pk, principal=taker),
        lambda: messages.append(session_id="s1", messages=[NewMessage("user", "x")], principal=caller()),
    )
    assert isinstance(accepted, HubError) != isinstance(rejected, HubError)
    with behind_walls(JOB):
        status, current = Handoff.objects.get().status, Session.objects.get().current_agent
    assert (status, current) in (("accepted", "taker"), ("rejected", "giver"))


def test_nothing_is_said_after_the_end():
    sessions.start(session_id="s1", principal=caller())
    said = [NewMessage("user", "x")]
    writers = [lambda: messages.append(session_id="s1", messages=said, principal=caller())] * AT_ONCE
    *answers, ended = together(*writers, lambda: endings.end(session_id="s1", principal=caller()))
    acknowledged = [answer for answer in answers if not isinstance(answer, HubError)]
    with behind_walls(JOB):
        assert Message.objects.count() == len(acknowledged) == Session.objects.get().message_count
    assert ended.summary.startswith(f"{ended.message_count} messages")
    assert ended.message_count == len(acknowledged)
