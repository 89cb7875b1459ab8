"""Many writers, one session: no number is missing, none is given twice, batches stay together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from sessions_app.models import Message, Session
from sessions_app.services import messages, sessions
from sessions_app.services.messages import Appended, NewMessage

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, CALLS, BATCH = 16, 10, 3
WRITER = Principal(kind="key", name="w", tenant_id="acme", permissions=frozenset({"read", "write"}))


def write(writer: int) -> list[Appended]:
    try:
        return [
            messages.append(
                session_id="s1",
                messages=[NewMessage("user", f"{writer}/{call}/{part}") for part in range(BATCH)],
                principal=WRITER,
            )
            for call in range(CALLS)
        ]
    finally:
        connection.close()


def test_numbers_are_gapless_under_sixteen_writers():
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    sessions.start(session_id="s1", principal=WRITER)
    with ThreadPoolExecutor(WRITERS) as pool:
        per_writer = list(pool.map(write, range(WRITERS)))
    total = WRITERS * CALLS * BATCH
    with behind_walls(system_principal("test", "acme")):
        stored = dict(Message.objects.values_list("sequence", "content"))
        assert sorted(stored) == list(range(1, total + 1))
        assert Session.objects.get().message_count == total
        assert set(IndexRow.objects.filter(kind="message").values_list("sequence", flat=True)) == set(
            range(1, total + 1)
        )
    for writer, answers in enumerate(per_writer):
        assert [a.last for a in answers] == sorted(a.last for a in answers)
        for call, answer in enumerate(answers):
            numbers = range(answer.first, answer.last + 1)
            assert [stored[n] for n in numbers] == [f"{writer}/{call}/{part}" for part in range(BATCH)]
