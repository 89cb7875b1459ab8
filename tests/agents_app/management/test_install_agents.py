from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def run(tenant_id: str) -> str:
    output = StringIO()
    call_command("install_agents", tenant=tenant_id, stdout=output)
    return output.getvalue()


def test_it_installs_once(tenant: str) -> None:
    assert run(tenant) == "Installed: alden, alice, sentry, mimic.\n"
    assert "nothing was changed" in run(tenant)


@pytest.mark.django_db
def test_an_unknown_tenant_is_named() -> None:
    with pytest.raises(CommandError, match="nowhere"):
        run("nowhere")
