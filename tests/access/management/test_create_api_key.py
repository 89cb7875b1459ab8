"""The command that scripts rely on."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from memoryhub.access import credentials

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("create_api_key", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_quiet_prints_the_key_alone_and_makes_what_is_missing():
    text = run("--tenant", "acme", "--agent", "a", "--user", "u", "--scopes", "read,admin", "--quiet")
    found = credentials.verify(text.strip())
    assert text.count("\n") == 1
    assert (found.tenant_id, found.agent_id, found.user_id) == ("acme", "a", "u")
    assert found.scopes == {"read", "admin"}


def test_again_for_the_same_tenant_and_agent():
    assert run("--tenant", "acme", "--agent", "a") != run("--tenant", "acme", "--agent", "a")


def test_without_quiet_it_explains_itself():
    err = StringIO()
    call_command("create_api_key", "--tenant", "acme", "--expires", "2", stdout=StringIO(), stderr=err)
    assert "may read, write, until" in err.getvalue()


def test_a_platform_key_belongs_to_no_tenant():
    assert credentials.verify(run("--platform", "--quiet").strip()).tenant_id is None


@pytest.mark.parametrize(
    "args",
    [
        ["--tenant", "Not A Slug"],
        ["--tenant", "acme", "--scopes", "root"],
        ["--platform", "--agent", "a"],
        ["--tenant", "acme", "--expires", "0"],
        [],
    ],
)
def test_wrong_use_is_one_clear_error(args):
    with pytest.raises(CommandError):
        run(*args)
