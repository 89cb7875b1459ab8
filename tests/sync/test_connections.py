"""Connections to servers outside: what a header asks for, and which answers are taken."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from urllib.parse import urlsplit

import pytest

from memoryhub.sync.connections import AnswerTooLong, Pool, retry_after
from tests.search.embeddings import endpoint_server as days
from tests.search.embeddings.endpoint_server import Server


def header(text: str) -> Message:
    message = Message()
    message["Retry-After"] = text
    return message


def test_retry_after_is_a_number_or_a_date():
    assert retry_after(header(" 7 ")) == 7
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 < (retry_after(header(format_datetime(soon, usegmt=True))) or 0) <= 90
    assert retry_after(header("Wed, 21 Oct 2015 07:28:00 GMT")) == 0
    assert retry_after(header("soon")) is None
    assert retry_after(Message()) is None


@pytest.fixture
def server() -> Iterator[Server]:
    with days.running() as made:
        yield made


@pytest.fixture
def pool(server: Server) -> Iterator[Pool]:
    made = Pool(urlsplit(server.url), most_idle=1)
    yield made
    made.close()


def post(pool: Pool, most_bytes: int = 100, seconds: float = 5) -> bytes:
    answer = pool.post("/", b"{}", {}, connect_seconds=5, answer_seconds=seconds, most_bytes=most_bytes)
    assert answer.status == 200
    return answer.body


def test_an_answer_is_read_whole_in_one_piece_or_in_chunks(server, pool):
    def chunked(handler: days.Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"3\r\none\r\n4\r\n two\r\n0\r\n\r\n")

    for day in (days.status(200, b"one two"), chunked, days.status(200, b"one two", Connection="close")):
        server.react = day
        assert post(pool) == b"one two"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("day", "error"),
    [
        (days.status(200, b"x" * 101), AnswerTooLong),
        (days.hang_up, http.client.RemoteDisconnected),
        (days.hang_up_midway, http.client.IncompleteRead),
    ],
)
def test_anything_else_is_an_error_and_the_connection_is_not_used_again(server, pool, day, error):
    server.react = day
    with pytest.raises(error):
        post(pool)
    server.react = days.status(200, b"well")
    assert post(pool) == b"well"
    assert server.connections == 2


def test_a_server_that_sends_a_little_at_a_time_gets_no_more_time(server, pool):
    def drip(handler: days.Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "90")
        handler.end_headers()
        for _ in range(90):
            handler.wfile.write(b".")
            time.sleep(0.05)

    server.react = drip
    with pytest.raises(TimeoutError):
        post(pool, seconds=0.2)


def test_stale_connections_are_replaced_without_a_word(server):
    pool = Pool(urlsplit(server.url))
    post_well = days.status(200, b"well")
    server.react = post_well
    assert post(pool) == b"well"
    server.react = days.in_turn(days.hang_up, post_well)
    assert post(pool) == b"well"
    pool.close()
