"""Live changes over real sockets: who may listen, what comes, and when it ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client

from agents_app.stream import http
from agents_app.stream import server as server_module
from agents_app.stream.server import StreamServer
from memoryhub.access.models import ApiKey, AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, keys
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries, sharing
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync.models import Heartbeat
from memoryhub.sync.services import outbox
from tests.agents_app.feeds import relay, rows
from tests.agents_app.stream.listening import Event, Listener, running
from tests.conftest import MakeKey, SignIn, role
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)
Listen = Callable[..., Listener]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamServer]:
    """In more of a hurry than a real one."""
    for name, seconds in (("CHECK_SECONDS", 0.3), ("LOOK_SECONDS", 0.5), ("BEAT_SECONDS", 0.5), ("ADMIN_SECONDS", 0.1)):
        monkeypatch.setattr(server_module, name, seconds)
    with running() as found:
        yield found


@pytest.fixture
def key(make_key: MakeKey) -> str:
    return make_key(agent="alden")


@pytest.fixture
def listen(server: StreamServer, key: str) -> Iterator[Listen]:
    """``listen("?after=0")`` is alden's listener; ``key`` and ``agent`` name others."""
    made: list[Listener] = []

    def connect(query: str = "", *, key: str | None = key, agent: str = "alden", **headers: str) -> Listener:
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        one = Listener(server.port, f"/memory/agents/{agent}/stream{query}", bearer | named)
        made.append(one)
        return one

    yield connect
    for one in made:
        one.close()


def agent(name: str, tenant: str = "acme") -> Principal:
    return Principal(kind="key", name=name, tenant_id=tenant, agent_id=name, permissions=frozenset({"read", "write"}))


def store(key: str = "k", value: Any = 1, *, by: str = "alden", tenant: str = "acme", **fields: Any) -> Any:
    caller = agent(by, tenant)
    return entries.store(Draft(key=key, value=value, scope="agent", **fields), principal=caller).entry_id


def test_a_change_comes_at_once_and_without_its_value(listen, server):
    one = listen()
    assert (one.status, one.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert one.headers["x-accel-buffering"] == "no"
    until(lambda: server.listening, what="the listener")
    entry = store(value="a secret value")
    relay()
    [event] = one.events(1)
    assert (event.name, event.number, event.data["kind"], event.data["entry_id"]) == ("change", 1, "put", str(entry))
    assert set(event.data) == {"seq", "kind", "entry_id", "version", "can_write", "reason", "at"}


def test_a_sign_of_life_is_written_down(server, listen):
    until(lambda: server.listening if listen() else None, what="the listener")
    [beat] = until(lambda: rows(Heartbeat.objects.filter(name="stream", detail__listeners__gte=1)), what="a heartbeat")
    assert beat.detail["most"] == 50


def test_who_comes_back_gets_what_it_missed(listen):
    for number in range(3):
        store(f"k{number}")
    relay()
    assert [event.number for event in listen("?after=0").events(3)] == [1, 2, 3]
    assert [event.number for event in listen("?after=2").events(1)] == [3]
    assert [event.number for event in listen("?after=0", Last_Event_ID="1").events(2)] == [2, 3]


def test_more_than_a_page_is_caught_up_in_order(listen, monkeypatch):
    monkeypatch.setattr("agents_app.stream.asking.PAGE", 4)
    monkeypatch.setattr("agents_app.stream.channels.PAGE", 4)
    monkeypatch.setattr("agents_app.stream.channels.HELD", 3)
    for number in range(10):
        store(f"k{number}")
    relay()
    one = listen("?after=0")
    assert [event.number for event in one.events(10)] == list(range(1, 11))
    for number in range(10, 25):
        store(f"k{number}")
    relay()
    assert [event.number for event in one.events(15)] == list(range(11, 26))


def test_many_listeners_get_the_same(listen):
    all_of_them = [listen("?after=0") for _ in range(10)]
    store("a")
    relay()
    store("b")
    relay()
    for one in all_of_them:
        assert [event.number for event in one.events(2)] == [1, 2]


def test_a_notice_that_got_lost_is_found_by_looking(listen, monkeypatch):
    monkeypatch.setattr("agents_app.stores.notify", lambda *_: None)
    one = listen("?after=0")
    store()
    relay()
    assert one.event()


def test_only_what_is_about_the_user(listen, make_key):
    store("kim's", user_id="kim")
    store("pat's", user_id="pat")
    store("nobody's")
    relay()
    assert [event.number for event in listen("?after=0&user_id=pat").events(2)] == [2, 3]
    bound = make_key(agent="alden", user="kim")
    assert [event.number for event in listen("?after=0", key=bound).events(2)] == [1, 3]
    assert listen("?user_id=pat", key=bound).status == 403


def test_another_history_is_a_reset(listen):
    store()
    relay()
    for query in ("?after=0&epoch=99", "?after=9"):
        event = listen(query).event()
        assert event
        assert (event.name, event.data) == ("reset", {"epoch": 1})


def test_what_was_shared_and_taken_back_comes_to_the_other(listen, make_key):
    alice = make_key(agent="alice")
    entry = store()
    one = listen("?after=0", key=alice, agent="alice")
    sharing.share(entry, principal=agent("alden"), agent_ids=["alice"])
    relay()
    [put] = one.events(1)
    sharing.unshare(entry, principal=agent("alden"))
    relay()
    [gone] = one.events(1)
    assert (put.data["kind"], gone.data["kind"], gone.data["reason"]) == ("put", "gone", "revoked")


def test_other_tenants_and_agents_are_closed(listen, make_key):
    make_key(agent="alice")
    foreign = make_key(tenant="other", agent="bob")
    cases = {
        ("alden", None): 401,
        ("alden", "mh_0000000000000000_" + "0" * 64 + "_00000000"): 401,
        ("alice", "own"): 403,
        ("nobody", "own"): 404,
        ("alden", foreign): 404,
    }
    for (name, text), status in cases.items():
        one = listen(agent=name) if text == "own" else listen(agent=name, key=text)
        assert (one.status, one.headers["content-type"]) == (status, "application/problem+json")
        problem = one.body()
        assert (problem["success"], problem["status"]) == (False, status)
        assert problem["request_id"]


def test_a_key_of_another_tenant_hears_nothing_of_an_agent_of_the_same_name(listen, make_key):
    theirs = listen("?after=0", key=make_key(tenant="other", agent="alden"))
    store("ours")
    store("theirs", tenant="other")
    relay()
    event = theirs.event()
    assert event
    assert event.number == 1
    [own] = rows(ContextEntry.objects.filter(tenant_id="other"))
    assert event.data["entry_id"] == str(own.pk)


def test_an_admin_may_listen_for_an_agent_and_that_is_written_down(listen, make_key):
    assert listen("?after=0", key=make_key(scopes=["read", "admin"])).status == 200
    assert [line.object_id for line in rows(AuditEvent.objects.filter(action="agents.acted_as"))] == ["alden"]


@pytest.mark.parametrize(
    ("query", "status"), [("?after=-1", 400), ("?after=x", 400), ("?tenant_id=other", 403), ("?since=1", 400)]
)
def test_what_cannot_be_asked_is_refused(listen, query, status):
    assert listen(query).status == status
    assert listen(Last_Event_ID="first").status == 400


def test_other_methods_and_addresses(server, key):
    bearer = {"Authorization": f"Bearer {key}"}
    for method, path, status in (
        ("POST", "/memory/agents/alden/stream", 405),
        ("GET", "/memory/context/store", 404),
        ("GET", "/", 404),
    ):
        with Listener(server.port, path, bearer, method=method) as one:
            assert one.status == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET nothing\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request(server, sent, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        wire.sendall(sent)
        assert wire.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def ends(one: Listener) -> str:
    """The stream ends by itself; its last words."""
    while one.event():
        pass
    return one.comments[-1]


def test_a_revoked_key_stops_listening(listen, key):
    one = listen("?after=0")
    store()
    relay()
    assert one.event()
    with role("memoryhub_system"):
        row = ApiKey.objects.get(agent_id="alden")
    keys.revoke(principal=system_principal("test", "acme"), key_id=row.pk)
    assert "not valid" in ends(one)


def test_an_agent_that_is_switched_off_stops_listening(listen, make_key):
    one = listen("?after=0", key=make_key())  # a key of no agent
    store()
    relay()
    assert one.event()
    agents.change(principal=system_principal("test"), tenant_id="acme", agent_id="alden", active=False)
    assert "switched off" in ends(one)


def test_who_does_not_read_is_let_go(listen, server, monkeypatch):
    monkeypatch.setattr(http, "SLOW_SECONDS", 1.5)
    one, other = listen("?after=0"), listen("?after=0")
    got: list[Event] = []
    until(lambda: len(server.listening) == 2, what="both listeners")
    with role("memoryhub_system"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE memory_change_feeds SET last_seq = 9000")
        cursor.execute(
            "INSERT INTO memory_change_feed (tenant_id, agent_id, seq, kind, object_id) "
            "SELECT 'acme', 'alden', n, 'put', gen_random_uuid() FROM generate_series(1, 9000) n"
        )
    assert [event.number for event in other.events(9000)] == list(range(1, 9001))
    until(lambda: len(server.listening) == 1, what="the slow one's end")
    with suppress(ConnectionResetError):
        while event := one.event():
            got.append(event)
    assert len(got) < 9000


def test_too_many_listeners_are_told_to_come_again(make_key):
    bearer = {"Authorization": f"Bearer {make_key(agent='alden')}"}
    path = "/memory/agents/alden/stream"
    with running(most=2) as server, Listener(server.port, path, bearer) as one, Listener(server.port, path, bearer):
        with Listener(server.port, path, bearer) as third:
            assert (third.status, third.headers["retry-after"]) == (503, "10")
            assert third.body()["code"] == "too_many_listeners"
        one.close()

        def comes_in() -> bool:
            with Listener(server.port, path, bearer) as again:
                return again.status == 200

        until(comes_in, what="a place")


def test_stopping_says_so(key):
    with running() as server:
        one = Listener(server.port, "/memory/agents/alden/stream", {"Authorization": f"Bearer {key}"})
        assert one.status == 200
    assert one.event() is None
    assert one.comments[-1].startswith("The hub is stopping")
    one.close()


def test_silence_is_broken_by_signs_of_life(listen, monkeypatch):
    monkeypatch.setattr(server_module, "QUIET_SECONDS", 0.2)
    one = listen()
    lines = [one.file.readline() for _ in range(7)]
    assert lines[-4:] == [b":\n", b"\n", b":\n", b"\n"]


# -- the admin's pages -------------------------------------------------------------------------------------------


def cookie(browser: Client) -> dict[str, str]:
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"}


def conflict_moves(tenant: str) -> None:
    something_moves(tenant, "conflict.opened")


def something_moves(tenant: str, event_type: str) -> None:
    change = outbox.Change(
        event_type=event_type,
        object_id=uuid4(),
        context_key="k",
        version=1,
        source="test",
        payload={"agents": []},
    )
    principal = system_principal("test", tenant)
    with behind_walls(principal):
        outbox.emit([change], principal=principal)
    relay()


def test_the_admins_pages_hear_that_something_changed(server, sign_in: SignIn, key):
    with Listener(server.port, "/admin/stream", cookie(sign_in())) as page:
        assert page.status == 200
        assert page.file.readline() == b": connected\n"
        until(lambda: told(page, lambda: conflict_moves("acme"), "conflict"), what="a conflict")
        until(lambda: told(page, lambda: (store(value=time.time()), relay()), "feed"), what="a feed")
        until(lambda: told(page, lambda: something_moves("acme", "run.changed"), "run"), what="a run")


def test_what_a_role_may_not_look_at_it_does_not_hear_of(server, sign_in: SignIn, key):
    browser = sign_in("")
    User.objects.get(pk=browser.session["_auth_user_id"]).user_permissions.set(
        Permission.objects.filter(codename="view_run")
    )
    with Listener(server.port, "/admin/stream", cookie(browser)) as page:
        assert page.status == 200

        def first_heard() -> str | None:
            conflict_moves("acme")
            something_moves("acme", "run.changed")
            event = page.event()
            return event.name if event else None

        assert [first_heard(), first_heard()] == ["run", "run"]


def told(page: Listener, change: Callable[[], object], kind: str) -> bool:
    change()
    event = page.event()
    while event and event.name != kind:
        event = page.event()
    return bool(event and set(event.data) == {"count"})


def test_staff_hears_of_its_own_tenants_only(server, sign_in: SignIn, key, make_key):
    make_key(tenant="other", agent="bob")
    with Listener(server.port, "/admin/stream", cookie(sign_in(tenants=["other"]))) as page:
        until(lambda: rows(Heartbeat.objects.filter(name="stream")), what="the server")
        conflict_moves("acme")
        page.socket.settimeout(2.5)
        with pytest.raises(TimeoutError):
            page.event()


def test_who_is_no_staff_hears_nothing(server, sign_in: SignIn):
    for headers in ({}, {"Cookie": f"{settings.SESSION_COOKIE_NAME}=invented"}):
        with Listener(server.port, "/admin/stream", headers) as page:
            assert page.status == 401
            assert page.body()["code"] == "unauthenticated"


def test_only_pages_of_this_hub_may_listen(server, sign_in: SignIn):
    own = f"http://127.0.0.1:{settings.CONFIG.server.port}"
    signed_in = cookie(sign_in())
    with Listener(server.port, "/admin/stream", signed_in | {"Origin": own}) as page:
        assert page.headers["access-control-allow-origin"] == own
        assert page.headers["access-control-allow-credentials"] == "true"
    for foreign in ("http://127.0.0.1:9", "https://evil.example", "null"):
        with Listener(server.port, "/admin/stream", signed_in | {"Origin": foreign}) as page:
            assert page.status == 403
            assert "access-control-allow-origin" not in page.headers


def test_who_signs_out_stops_hearing(server, sign_in: SignIn):
    browser = sign_in()
    with Listener(server.port, "/admin/stream", cookie(browser)) as page:
        assert page.status == 200
        browser.logout()
        assert "not valid" in ends(page)
