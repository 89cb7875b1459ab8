"""What jobs do with open conflicts: strategies that failed are tried again, what nobody decided in time is raised."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
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
from memoryhub.registry.exceptions import EntryLocked
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services.drafts import UNSET

logger = logging.getLogger(__name__)

ALL = Q()
#: A strategy that failed so often is left to people.
MOST_TRIES = 5
#: A slice of a sync run is one transaction: it holds the rows of no more entries than this.
MOST_IN_STEP = 5


def step(run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]:
    """The part of a sync run about conflicts: of the memories that are the agent's."""
    mine = Q(agent_id=run.agent_id) | Q(agent_id=None, entry__owner=run.agent_id)
    of_agent = Q(mine, tenant_id=run.tenant_id)
    if run.user_id is not None:
        of_agent &= Q(user_id=run.user_id)
    if run.started_at is not None:  # what was tried in this run is left to the next one
        of_agent &= Q(updated_at__lt=run.started_at)
    most = min(limit, MOST_IN_STEP)
    did = upkeep(of_agent, principal=principal, limit=most)
    more = {"more": 1} if sum(did.values()) >= most else {}
    return {**did, **more}


def work(*, principal: Principal, limit: int) -> Mapping[str, int]:
    """The job: the same for all conflicts, whoever owns the memory."""
    return upkeep(Q(), principal=principal, limit=limit)


def upkeep(which: Q, *, principal: Principal, limit: int) -> dict[str, int]:
    """Handles up to ``limit`` open conflicts, each in a transaction of its own. Repeating it changes nothing."""
    failing, overdue = work_of(which, principal=principal, limit=limit)
    done = [retry(conflict, principal) for conflict in failing]
    raised = [raise_severity(conflict, principal) for conflict in overdue]
    return {
        "conflicts_resolved": done.count(True),
        "conflicts_failed": done.count(False),
        "conflicts_escalated": raised.count(True),
    }


@verb
def work_of(which: Q, *, principal: Principal, limit: int) -> tuple[list[Conflict], list[Conflict]]:
    """What failed and is tried again, and what is past due; not locked."""
    failing = list(due(which, limit, Q(evidence__has_key=records.FAILED, evidence__tries__lt=MOST_TRIES)))
    return failing, list(due(which, limit - len(failing), past_due()))


def past_due() -> Q:
    return Q(due_at__lt=timezone.now()) & ~Q(evidence__has_key=records.RAISED)


def due(which: Q, limit: int, condition: Q) -> QuerySet[Conflict]:
    """The longest untouched first, so that what fails again and again keeps nothing else waiting."""
    found = Conflict.objects.filter(which, condition, status=Conflict.Status.OPEN)
    return found.order_by("updated_at", "pk")[: max(limit, 0)]


def still_open(conflict: Conflict, condition: Q = ALL) -> Conflict | None:
    """The conflict as it is now, locked; None where it was decided or somebody is at it."""
    rows = Conflict.objects.select_related("entry").select_for_update(skip_locked=True, of=("self",))
    found: Conflict | None = rows.filter(condition, pk=conflict.pk, status=Conflict.Status.OPEN).first()
    return found


def retry(conflict: Conflict, principal: Principal) -> bool | None:
    """Lets the strategy that failed try again, as the agent that submitted the change; False where it stays open.

    None where the entry is locked: that says nothing of the strategy, and is not counted.
    """
    caller = principal.within(conflict.tenant_id)
    try:
        with transaction.atomic(), behind_walls(caller):
            return decide_again(conflict, caller)
    except EntryLocked:
        with behind_walls(caller):
            records.note_of(conflict)
        return None
    except (OperationalError, InterfaceError):
        raise
    except HubError as error:
        why = error.message
    except Exception as error:
        logger.exception("Conflict %s could not be decided again.", conflict.pk)
        why = type(error).__name__
    with behind_walls(caller):
        tried(conflict, why)
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
    """Counts a try of what is still open; what others noted meanwhile stays."""
    found = still_open(conflict)
    if found is None:
        return
    tries: dict[str, Any] = {"tries": int(found.evidence.get("tries", 0)) + 1}
    reason = f"{found.evidence.get(records.FAILED)} failed: {why}"
    records.note_of(found, evidence=found.evidence | tries, escalation_reason=reason)


def raise_severity(conflict: Conflict, principal: Principal) -> bool:
    """One level up, once: it is past due. False where it was decided or raised meanwhile."""
    caller = principal.within(conflict.tenant_id)
    with behind_walls(caller):
        found = still_open(conflict, past_due())
        if found is None:
            return False
        before = found.severity
        records.note_of(found, severity=one_up(before), evidence=found.evidence | {records.RAISED: before})
        records.announce(found, found.entry, "escalated", principal=caller, reason="past due", severity=found.severity)
    return True
