"""What jobs do with open conflicts: strategies that failed are tried again, what nobody decided in time is raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from agents_app.models import Conflict, SyncRun
from agents_app.resolution.strategies import preview
from agents_app.services.conflicts import records
from agents_app.services.conflicts.cases import case_of_conflict
from agents_app.services.conflicts.deciding import previewed, write_decision
from agents_app.services.conflicts.reach import locked_conflict
from agents_app.services.conflicts.results import AUTOMATIC
from agents_app.services.conflicts.severity import one_up
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services.drafts import UNSET

#: A strategy that failed so often is left to people.
MOST_TRIES = 5


def step(run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]:
    """The part of a sync run about conflicts: of the memories that are the agent's."""
    mine = Q(agent_id=run.agent_id) | Q(agent_id=None, entry__owner=run.agent_id)
    of_agent = Q(mine, tenant_id=run.tenant_id)
    if run.user_id is not None:
        of_agent &= Q(user_id=run.user_id)
    did = upkeep(of_agent, principal=principal, limit=limit)
    more = {"more": 1} if sum(did.values()) >= limit else {}
    return {**did, **more}


def work(*, principal: Principal, limit: int) -> Mapping[str, int]:
    """The job: the same for all conflicts, whoever owns the memory."""
    return upkeep(Q(), principal=principal, limit=limit)


@verb
def upkeep(which: Q, *, principal: Principal, limit: int) -> dict[str, int]:
    """Handles up to ``limit`` open conflicts. Repeating it changes nothing."""
    resolved = failed = 0
    for conflict in due(which, limit, Q(evidence__has_key=records.FAILED, evidence__tries__lt=MOST_TRIES)):
        done = retry(conflict, principal)
        resolved, failed = resolved + done, failed + (not done)
    overdue = Q(due_at__lt=timezone.now()) & ~Q(evidence__has_key=records.RAISED)
    raised = [raise_severity(conflict, principal) for conflict in due(which, limit - resolved - failed, overdue)]
    return {"conflicts_resolved": resolved, "conflicts_failed": failed, "conflicts_escalated": len(raised)}


def due(which: Q, limit: int, condition: Q) -> QuerySet[Conflict]:
    found = Conflict.objects.filter(which, condition, status=Conflict.Status.OPEN)
    return found.select_related("entry").order_by("created_at", "pk")[: max(limit, 0)]


def retry(conflict: Conflict, principal: Principal) -> bool:
    """Lets the strategy that failed try again, as the agent that submitted the change; False where it stays open."""
    caller = principal.within(conflict.tenant_id)
    try:
        with transaction.atomic(), behind_walls(caller):
            return decide_again(conflict, caller)
    except HubError as error:
        tried(conflict, error.message)
        return False


def decide_again(seen: Conflict, principal: Principal) -> bool:
    conflict, entry = locked_conflict(seen.pk, principal)
    if conflict.status != Conflict.Status.OPEN:
        return False
    strategy = conflict.evidence[records.FAILED]
    chosen = preview(strategy, case_of_conflict(conflict, entry))
    submitter = submitter_of(conflict, entry, chosen.winner)
    if submitter is None or not ContextEntry.objects.writable_by(submitter).filter(pk=entry.pk).exists():
        tried(conflict, chosen.why)
        return False
    made = previewed(conflict, entry, strategy, None, UNSET)
    write_decision(conflict, entry, made, principal=submitter, reason=chosen.why, automatic=True, decided_by=AUTOMATIC)
    return True


def submitter_of(conflict: Conflict, entry: ContextEntry, winner: str | None) -> Principal | None:
    """The agent whose value would be written, speaking about whom the entry is about.

    None leaves it to a person: nobody writes with the rights of another one, so where no single offer wins
    all of them have to come from one agent.
    """
    agent_id = offered_by(conflict, winner) if winner else None
    if agent_id is None:
        return None
    return Principal(
        kind="key",
        name=agent_id,
        tenant_id=conflict.tenant_id,
        agent_id=agent_id,
        permissions=frozenset({"read", "write"}),
        named_user=entry.user_id,
        named_session=entry.session_id,
    )


def offered_by(conflict: Conflict, winner: str) -> str | None:
    """The agent of the winning candidate; for a merge and for what is committed, the only agent that offers."""
    agents: list[str] = list(conflict.candidates.order_by("position").values_list("agent_id", flat=True))
    if winner.startswith("candidate:"):
        return agents[int(winner.removeprefix("candidate:")) - 1]
    return agents[0] if len(set(agents)) == 1 else None


def tried(conflict: Conflict, why: str) -> None:
    tries: dict[str, Any] = {"tries": int(conflict.evidence.get("tries", 0)) + 1}
    reason = f"{conflict.evidence.get(records.FAILED)} failed: {why}"
    records.note_of(conflict, evidence=conflict.evidence | tries, escalation_reason=reason)


def raise_severity(conflict: Conflict, principal: Principal) -> Conflict:
    """One level up, once: it is past due."""
    caller = principal.within(conflict.tenant_id)
    with behind_walls(caller):
        before = conflict.severity
        records.note_of(conflict, severity=one_up(before), evidence=conflict.evidence | {records.RAISED: before})
        records.announce(
            conflict, conflict.entry, "escalated", principal=caller, reason="past due", severity=conflict.severity
        )
    return conflict
