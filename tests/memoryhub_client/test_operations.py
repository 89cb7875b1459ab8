"""Operations of the client, against a hub that answers what the test says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from memoryhub_client import HubError, MemoryClient
from memoryhub_client import consultation as consulting
from memoryhub_client.framework import MemoryIntegration
from memoryhub_client.operations import as_json

BEGUN = {"operation_id": "op", "consultation_token": "token", "guidance": {"confidence": 0.4}}


class Told(MemoryClient):
    """Keeps what is said; ``refusals`` are raised by the next finishes, one each."""

    def __init__(self, *refusals: Exception) -> None:
        super().__init__("http://127.0.0.1:9", "key")
        self.refusals = list(refusals)
        self.said: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        self.headers.append(consulting.headers())
        if path.endswith("begin"):
            return BEGUN
        self.said.append(body)
        if self.refusals:
            raise self.refusals.pop(0)
        return {"operation": {"status": "succeeded" if (body or {}).get("success") else "failed"}}


def test_calls_within_an_operation_carry_its_token_and_no_others():
    client = Told()
    with client.operation("deploy") as outer:
        client.call("GET", "/x")
        with client.operation("inner"):
            pass
        client.call("GET", "/y")
    client.call("GET", "/z")
    assert outer.confidence == 0.4
    assert [bool(sent) for sent in client.headers] == [False, True, True, True, True, False, False]


def test_an_exception_is_told_and_goes_on():
    client = Told()
    with pytest.raises(ValueError, match="no"), client.operation("deploy"):
        raise ValueError("no\x00pe \ud800")
    assert client.said[0]["success"] is False
    assert client.said[0]["error"] == {"message": "ValueError: no\ufffdpe ?", "type": "ValueError"}


def test_a_result_that_the_hub_does_not_take_loses_no_work():
    client = Told(HubError(413, {"code": "too_large"}))

    @client.consulted("Work")
    def work() -> str:
        return "x" * 10

    assert work() == "x" * 10
    assert [("result" in said) for said in client.said] == [True, False]


def test_results_become_json():
    given = {1: (float("nan"), float("inf"), 2.5), "b": {"x"}, "c": "\ud800"}
    assert as_json(given) == {"1": ["nan", "inf", 2.5], "b": "{'x'}", "c": "?"}


def test_what_another_process_began_is_finished_without_a_duration_and_may_be_tried_again():
    client = Told(OSError("away"))
    integration = MemoryIntegration(client)

    async def example() -> None:
        context = await integration.before_operation("Create", {})
        with pytest.raises(OSError, match="away"):
            await integration.after_operation("Create", result=1, context=context)
        await integration.after_operation("Create", result=1, context=context)
        await MemoryIntegration(client).after_operation("Create", result=2, context=context)

    asyncio.run(example())
    assert ["duration_ms" in said for said in client.said] == [True, True, False]


def test_an_operation_as_coroutine():
    client = Told()

    @client.consulted("Check {name}")
    async def check(name: str) -> int:
        return len(name)

    assert asyncio.run(check("abc")) == 3
    assert client.said[0]["result"] == 3
