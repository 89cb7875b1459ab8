"""The command that gives a tenant the procedures that come with the hub."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def install(tenant: str) -> str:
    output = StringIO()
    call_command("install_procedures", tenant=tenant, stdout=output)
    return output.getvalue().strip()


def test_they_are_installed_once(tenant: str):
    assert install(tenant).startswith("Installed: memory-first-development, ")
    assert install(tenant) == "They are there already; nothing was changed."


def test_the_tenant_has_to_exist(db: None):
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        install("nobody")
