"""Every answer carries a policy that names no other host."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

PATHS = ["/admin/login/", "/docs", "/schema", "/memory/health", "/nothing-here"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_a_policy_without_hosts_and_without_inline_scripts(path: str, db: None) -> None:
    policy = Client().get(path).headers["Content-Security-Policy"]
    scripts = next((part for part in policy.split("; ") if part.startswith("script-src")), "")
    assert "http" not in policy
    assert "*" not in policy
    assert "unsafe-inline" not in scripts
    assert "frame-ancestors 'none'" in policy


def test_only_the_admin_may_evaluate(db: None, sign_in: Any) -> None:
    assert "unsafe-eval" in sign_in().get("/admin/").headers["Content-Security-Policy"]
    for path in ("/docs", "/memory/health", "/schema"):
        assert "unsafe-eval" not in Client().get(path).headers["Content-Security-Policy"]


def test_the_api_loads_nothing(db: None) -> None:
    assert "default-src 'none'" in Client().get("/memory/health").headers["Content-Security-Policy"]
    assert "script-src" not in Client().get("/memory/health").headers["Content-Security-Policy"]


def test_the_bare_address_leads_to_the_admin(db: None) -> None:
    assert Client().get("/").headers["Location"] == "/admin/"


def test_the_admin_may_listen_to_the_stream_and_to_no_other_host(client, settings):
    settings.CONFIG = settings.CONFIG.model_copy(
        update={"server": settings.CONFIG.server.model_copy(update={"stream_port": 8123})}
    )
    policy = client.get("/admin/login/", headers={"host": "hub.example:8000"})["Content-Security-Policy"]
    assert "connect-src 'self' http://hub.example:8123;" in policy
    assert "8123" not in client.get("/docs")["Content-Security-Policy"]


def test_the_stream_behind_a_proxy_is_where_the_configuration_says(client, settings):
    changed = {"stream_port": 8123, "stream_url": "https://live.example/hub/"}
    settings.CONFIG = settings.CONFIG.model_copy(update={"server": settings.CONFIG.server.model_copy(update=changed)})
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "connect-src 'self' https://live.example;" in policy
