"""Whether procedures are followed."""

from __future__ import annotations

from tests.contract.calls import Call
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World
from tests.procedures_app import rows
from tests.procedures_app.admin.running import run


@recipe("GET procedures/compliance", foreign=Foreign.EMPTY)
def compliance(world: World) -> Call:
    run(world.name("procedure"), tenant=world.tenant)
    rows.work(world.tenant, world.text())
    return Call(query={"since": "2026-01-01T00:00:00Z", "until": "2026-12-31T00:00:00Z"})


@recipe("GET procedures/compliance", foreign=Foreign.EMPTY, shows=True)
def compliance_of_a_procedure(world: World) -> Call:
    name = world.known(f"{world.marker}-procedure")
    run(name, tenant=world.tenant)
    return Call(query={"procedure": name, "agent_id": "deploy-bot"})
