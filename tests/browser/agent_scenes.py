"""The agents of the team that shares: their profiles, syncs, of which one fails, and replicas."""

from __future__ import annotations

from collections.abc import Mapping

from agents_app.models import Replica, SyncRun
from agents_app.services import defaults, profiles, sync_steps, sync_work, syncing
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from tests.browser.seed import ids
from tests.browser.sharing_scenes import TEAM

SYSTEM = system_principal("demo", TEAM)


def play() -> dict[str, str]:
    defaults.install(principal=SYSTEM, tenant_id=TEAM)
    run = synced("alden")
    synced("alice")
    sync_steps.register("disagreements", not_for_sentry)
    for _ in range(3):
        synced("sentry")
    with behind_walls(SYSTEM):
        for name, acked in (("laptop", 3), ("workstation", 0)):
            Replica.objects.create(tenant_id=TEAM, agent_id="alden", name=name, epoch=1, acked_seq=acked)
        broken = SyncRun.objects.filter(status=SyncRun.Status.FAILED).first()
    assert broken is not None
    alden = profiles.of_agent("alden", principal=SYSTEM)
    return ids(agent=alden.pk, run=run.pk, broken_run=broken.pk)


def synced(agent_id: str) -> SyncRun:
    asked = syncing.request(agent_id, principal=SYSTEM)
    run = sync_work.claim(principal=SYSTEM, run_id=asked.pk)
    assert run is not None
    assert sync_work.carry_on(run, seconds=60, limit=500)
    return run


def not_for_sentry(run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]:
    raise TimeoutError("the vectors of its memories did not come in time")
