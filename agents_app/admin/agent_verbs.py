"""What staff can do to an agent, and to a tenant's agents, each with one service call."""

from __future__ import annotations

from typing import Any

from agents_app.models import AgentProfile, SyncRun
from agents_app.services import defaults, profiles, syncing
from memoryhub.access.admin.verbs import Call, Verb
from memoryhub.access.models import Agent


def told(run: SyncRun) -> str:
    """What a run did, in a sentence."""
    if not run.is_over:
        return f"The sync of {run.agent_id} goes on in the queue; see Sync runs."
    if run.errors:
        return f"The sync of {run.agent_id} failed: {run.errors[0]['error']}"
    did = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(run.counts.items()) if n)
    return f"Synced {run.agent_id}: {did or 'nothing to do'}."


def sync(call: Call) -> str:
    return told(syncing.sync_agent(call.object.agent_id, principal=call.principal))


def sync_everything(call: Call) -> str:
    return told(syncing.sync_agent(call.object.agent_id, principal=call.principal, force=True))


def deactivate(call: Call) -> str:
    profiles.deactivate(call.object.agent_id, principal=call.principal, reason=call.reason)
    return f"{call.object.agent_id} is switched off: its keys do not work, its memories stay."


def activate(call: Call) -> str:
    profiles.activate(call.object.agent_id, principal=call.principal, reason=call.reason)
    return f"{call.object.agent_id} is active again, and so are its keys."


def install(call: Call) -> str:
    made = defaults.install(principal=call.principal, tenant_id=call.object.tenant_id)
    return f"Installed: {', '.join(made)}." if made else "They are there already; nothing was changed."


def sync_all(call: Call) -> str:
    runs = syncing.sync_all(principal=call.principal)
    failed = [run.agent_id for run in runs if run.errors]
    waiting = sum(not run.is_over for run in runs)
    did = f"Synced {len(runs) - len(failed) - waiting} of {len(runs)} agents"
    return f"{did}; {waiting} go on in the queue; failed: {', '.join(failed) or 'none'}."


def is_on(found: Any) -> bool:
    profile: AgentProfile = found
    return Agent.objects.filter(tenant_id=profile.tenant_id, agent_id=profile.agent_id, active=True).exists()


def is_off(found: Any) -> bool:
    return not is_on(found)


AGENT_VERBS = (
    Verb(
        "sync",
        "Sync now",
        "Brings the agent up to date with what changed since its last sync.",
        sync,
        reason="none",
        available=is_on,
        icon="sync",
    ),
    Verb(
        "sync-everything",
        "Sync everything",
        "Looks at all memories of the agent again, not only at what changed. That can take a while.",
        sync_everything,
        reason="none",
        available=is_on,
        icon="sync_lock",
    ),
    Verb(
        "deactivate",
        "Switch off",
        "Its keys stop working and nobody can share with it. Its memories stay. It can be switched on again.",
        deactivate,
        reason="required",
        danger=True,
        available=is_on,
        icon="block",
    ),
    Verb("activate", "Switch on", "Its keys work again.", activate, available=is_off, icon="check"),
)
TENANT_VERBS = (
    Verb(
        "sync-agents",
        "Sync all agents",
        "Brings every active agent of this tenant up to date. One that fails stops none of the others.",
        sync_all,
        reason="none",
        icon="sync",
    ),
    Verb(
        "install-agents",
        "Install the standard agents",
        "Adds Alden, Alice, Sentry and Mimic with their profiles and sharing rules. What is there stays as it is.",
        install,
        reason="none",
        icon="group_add",
    ),
)
