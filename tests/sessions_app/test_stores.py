"""The projection of messages into the search index is whatever the messages are."""

from __future__ import annotations

import pytest

from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from memoryhub.search.services.search import search
from memoryhub.sync import stores
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import outbox, relay
from sessions_app.models import Session
from sessions_app.services import endings, messages, sessions
from sessions_app.services.messages import NewMessage
from sessions_app.stores import ConversationStore

pytestmark = pytest.mark.django_db

TALK = [NewMessage("user", f"message {number}") for number in range(1, 6)]


@pytest.fixture
def talker(agent):
    principal = agent(user="u1")
    sessions.start(session_id="s1", principal=principal)
    messages.append(session_id="s1", messages=TALK, principal=principal)
    return principal


@pytest.fixture
def deliver(job):
    """Hands all waiting deliveries to the store, the newest only where ``newest``."""

    def run(*, newest: bool = False) -> None:
        with behind_walls(job):
            waiting = Delivery.objects.filter(store="conversation", status="pending").select_related("event")
            batch = list(waiting.order_by("-pk" if newest else "pk"))
            assert ConversationStore().deliver(batch[:1] if newest else batch) == {}

    return run


def messages_in_index():
    return IndexRow.objects.filter(kind="message")


def rows(job) -> list[tuple[int, bool, str | None]]:
    with behind_walls(job):
        return list(messages_in_index().order_by("sequence").values_list("sequence", "archived", "user_id"))


def test_missing_rows_come_back(talker, job, deliver):
    with behind_walls(job):
        IndexRow.objects.filter(sequence__in=[2, 4]).delete()
    deliver()
    assert rows(job) == [(n, False, "u1") for n in range(1, 6)]


def test_delivering_twice_changes_nothing(talker, job, deliver):
    before = rows(job)
    deliver()
    deliver()
    assert rows(job) == before


def test_archiving_and_resuming_reach_every_row(talker, job, deliver):
    endings.archive(session_id="s1", principal=talker)
    deliver(newest=True)
    assert rows(job) == [(n, True, "u1") for n in range(1, 6)]
    sessions.resume(session_id="s1", principal=talker)
    # whichever delivery comes first brings the whole session up to date
    messages.append(session_id="s1", messages=TALK[:1], principal=talker)
    deliver(newest=True)
    assert rows(job) == [(n, False, "u1") for n in range(1, 7)]


def test_rows_follow_the_sessions_user(talker, job, deliver):
    with behind_walls(job):
        Session.objects.update(user_id=None, projection_due=True)
    deliver()
    assert rows(job) == [(n, False, None) for n in range(1, 6)]
    with behind_walls(job):
        assert set(messages_in_index().values_list("scope", flat=True)) == {"tenant"}


def test_rows_of_a_session_that_is_gone_go(talker, job, deliver):
    with behind_walls(job):
        Session.objects.all().delete()
    deliver()
    assert rows(job) == []


@pytest.mark.parametrize("order", [("conversation", "vector"), ("vector", "conversation")])
def test_words_of_a_restored_session_are_found_in_spite_of_typos_whichever_store_comes_first(
    talker, job, as_role, order
):
    def hand_over(name: str) -> bool:
        claim, store = outbox.claim(name), stores.get(name)
        assert store is not None
        if claim:
            relay.handle(store, claim, relay.Progress())
        return bool(claim)

    def relay_until_quiet() -> None:
        with as_role("memoryhub_system"):
            while sum(map(hand_over, order)):
                pass

    def found() -> int:
        wanted = search(principal=talker, query="mesage", mode="fuzzy", kinds=["message"])
        return len(wanted.results)

    relay_until_quiet()
    endings.archive(session_id="s1", principal=talker)
    relay_until_quiet()
    with behind_walls(job):
        # other memories of theirs say the same words
        IndexRow.objects.exclude(kind="message").delete()
    assert found() == 0
    sessions.resume(session_id="s1", principal=talker)
    with behind_walls(job):
        IndexRow.objects.exclude(kind="message").delete()
    relay_until_quiet()
    assert found() == 5
