"""The JavaScript module of the client, in a browser, against the hub that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from memoryhub.access.principals import system_principal
from memoryhub.access.services import agents, keys, tenants
from memoryhub_client import MemoryClient
from tests.browser.conftest import quick, watched
from tests.browser.hub import Hub

TENANT = "front"
SYSTEM = system_principal("test", TENANT)
MODULE = "/static/memoryhub/memoryhub-client.js"
#: What every example begins with: ``m`` is the module, ``key`` the key.
LOADED = f"async (key) => {{ const m = await import('{MODULE}'); m.configure({{ key: () => key }});"


@pytest.fixture(scope="module", autouse=True)
def beside_a_browser() -> Iterator[None]:
    """The browser keeps an event loop in this thread, in which Django would refuse to look at the tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.mark.django_db(transaction=True)
def test_the_three_functions_consult_act_and_store(live_server: Any, browser: Browser) -> None:
    tenants.ensure(tenant_id=TENANT, principal=SYSTEM)
    agents.ensure(tenant_id=TENANT, agent_id="shop-front", principal=SYSTEM)
    _, key = keys.create(tenant_id=TENANT, agent_id="shop-front", scopes=["read", "write"], principal=SYSTEM)
    context = quick(browser.new_context())
    visitor = watched(context.new_page(), Hub(live_server.url, {}))
    visitor.page.goto(f"{live_server.url}/docs")
    visitor.expect_refusal(401)
    check_success(visitor.page, key)
    check_failure(visitor.page, key)
    check_refusals(visitor.page, key)
    context.close()
    assert visitor.complaints == []
    with MemoryClient(live_server.url, key) as client:
        kept = {work["action"]: work for work in client.work_history()}
        assert kept["user-action"]["output"] == {"saved": 3}
        assert (kept["breaks"]["success"], kept["breaks"]["error_message"]) == (False, "TypeError: no such cart")
        [error] = client.call("GET", "/memory/errors")["results"]
        assert error["error_type"] == "TypeError"


def check_success(page: Page, key: str) -> None:
    found = page.evaluate(
        LOADED
        + """
        const memoryContext = await m.fetchMemoryContext('user-action', {page: 'cart'});
        const action = async (context) => ({saved: 3, knew: context.guidance.confidence >= 0});
        const result = await m.executeWithMemory(action, memoryContext);
        delete result.knew;
        const stored = await m.storeActionResult(action, result);
        return {status: stored.operation.status, result, guidance: Object.keys(memoryContext.guidance).sort()};
        }""",
        key,
    )
    assert (found["status"], found["result"]) == ("succeeded", {"saved": 3})
    assert {"confidence", "known_solutions", "primary_recommendation", "similar_work"} <= set(found["guidance"])


def check_failure(page: Page, key: str) -> None:
    thrown = page.evaluate(
        LOADED
        + """
        const memoryContext = await m.fetchMemoryContext('breaks');
        try {
          await m.executeWithMemory(() => { throw new TypeError('no such cart'); }, memoryContext);
        } catch (error) { return [error.name, error.message]; }
        }""",
        key,
    )
    assert thrown == ["TypeError", "no such cart"]


def check_refusals(page: Page, key: str) -> None:
    said = page.evaluate(
        LOADED
        + """
        const caught = (call) => call().then(() => null, (e) => [e.name, e.code || '', e.message]);
        const twice = await caught(() => m.storeActionResult(() => 1, 1));
        m.configure({ key: 'nonsense' });
        const refused = await caught(() => m.fetchMemoryContext('user-action'));
        const unknown = await caught(async () => m.configure({ kee: 'x' }));
        return [twice, refused, unknown];
        }""",
        key,
    )
    assert "not carried out" in said[0][2]
    assert said[1][:2] == ["HubError", "unauthenticated"]
    assert said[2][0] == "TypeError"
