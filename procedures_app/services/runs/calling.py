"""Steps that are HTTP calls: claimed, sent, recorded. The hub's job does it; no web request waits for another system.

The attempt is counted and committed before the call, under a lease like an agent's, so no two calls of a step are under
way at once. A crash between call and record leaves the lease to end; the call is repeated with the same key
(``Idempotency-Key``), by which the other side can tell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError

from memoryhub.access.principals import Principal
from memoryhub.config_procedures import CallSecret
from procedures_app import calls
from procedures_app.documents import placeholders
from procedures_app.models import StepKind, StepRun
from procedures_app.services.runs import lapsing, moving, work
from procedures_app.services.runs.held import HeldRun, holding
from procedures_app.services.runs.taking import lease, stopped

logger = logging.getLogger(__name__)
HOLDER = "system:http"
#: Calls at a time.
MOST_AT_ONCE = 8
#: A lease outlives its call by so much: time to record the answer.
RECORDING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Claimed:
    """One call to make; ``lease`` fences its result."""

    run_id: UUID
    step_id: str
    lease: int
    request: dict[str, Any]
    repeat_key: str
    principal: Principal


#: What came of a call.
Outcome = calls.Answer | calls.CallFailed | calls.CallRefused


def carry_out(run_ids: Iterable[UUID], *, principal: Principal) -> set[UUID]:
    """Makes the calls that these runs wait for; the runs whose calls were made.

    What breaks in one run keeps no other from its answer: an answer that is not recorded is a call made again.
    """
    claimed = [found for run_id in run_ids if (found := claimed_safely(run_id, principal))]
    lost: list[Exception] = []
    for call, outcome in sent(claimed):
        try:
            recorded(call, outcome)
        except (OperationalError, InterfaceError) as error:
            lost.append(error)
    if lost:  # the database was away: the job says so
        raise lost[0]
    return {call.run_id for call in claimed}


def claimed_safely(run_id: UUID, principal: Principal) -> Claimed | None:
    try:
        return claim(run_id, principal=principal)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("The call of run %s could not be prepared.", run_id)
        return None


def recorded(call: Claimed, outcome: Outcome) -> None:
    """Writes what came of a call; where it cannot be written, that is the step's failure."""
    try:
        record(call, outcome)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("What came of step %s of run %s could not be recorded.", call.step_id, call.run_id)
        record_safely(call, calls.CallRefused(f"The answer could not be recorded: {type(error).__name__}"))


def record_safely(call: Claimed, outcome: Outcome) -> None:
    try:
        record(call, outcome)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Step %s of run %s stays as it is until its lease ends.", call.step_id, call.run_id)


def claim(run_id: UUID, *, principal: Principal) -> Claimed | None:
    """Takes the call of the current step, in a transaction of its own; None where there is none to make now."""
    with holding(run_id, principal=principal) as held:
        lapsing.settle(held)
        step = held.current
        if held.over or step is None or stopped(held) or not callable_now(held, step):
            return None
        seconds = settings.CONFIG.procedures.http_timeout_seconds + RECORDING_SECONDS
        lease(held, step, HOLDER, held.now + timedelta(seconds=seconds))
        try:
            request = filled(held, step)
        except placeholders.PlaceholderMissing as error:
            moving.failed(held, step, str(error), final=True)
            return None
        return Claimed(run_id, step.step_id, step.lease_token, request, repeat_key(held, step), held.principal)


def callable_now(held: HeldRun, step: StepRun) -> bool:
    is_call = work.of(held, step).kind == StepKind.HTTP
    return is_call and step.lease_expires_at is None and lapsing.due(held, step)


def filled(held: HeldRun, step: StepRun) -> dict[str, Any]:
    """The request with its placeholders filled in. Raises PlaceholderMissing.

    Headers are split at their secrets before: only the document names secrets, never a value of the run.
    """
    request, context = dict(work.of(held, step).config.get("request") or {}), held.context()
    url = placeholders.fill_url(request.pop("url", ""), context)
    save, headers = request.pop("save", None), dict(request.pop("headers", None) or {})
    parted = {name: placeholders.fill_header(value, context) for name, value in headers.items()}
    return {**placeholders.fill(request, context), "url": url, "headers": parted, "save": save}


def repeat_key(held: HeldRun, step: StepRun) -> str:
    """The same for every attempt at one success."""
    return f"{step.pk}-undo-1" if held.run.undoing else f"{step.pk}-1"


def sent(claimed: list[Claimed]) -> Iterator[tuple[Claimed, Outcome]]:
    """The outcomes of the calls, as they come. No thread touches the database."""
    if not claimed:
        return
    rules = settings.CONFIG.procedures
    with ThreadPoolExecutor(min(len(claimed), MOST_AT_ONCE)) as pool:
        send = sender(rules.allowed_hosts, rules.secrets, rules.http_timeout_seconds)
        under_way = {pool.submit(send, call): call for call in claimed}
        for ended in as_completed(under_way):
            yield under_way[ended], ended.result()


def sender(hosts: Sequence[str], secrets: Mapping[str, CallSecret], seconds: float) -> Callable[[Claimed], Outcome]:
    def send(call: Claimed) -> Outcome:
        own = calls.usable(secrets, call.principal.tenant_id)
        try:
            return calls.send(call.request, hosts=hosts, secrets=own, seconds=seconds, repeat_key=call.repeat_key)
        except (calls.CallFailed, calls.CallRefused) as error:
            return error
        except Exception as error:
            logger.exception("The call of step %s of run %s broke.", call.step_id, call.run_id)
            return calls.CallFailed(f"The call broke: {type(error).__name__}")

    return send


def record(call: Claimed, outcome: Outcome) -> None:
    """Writes what came of a call, unless the step went on without it."""
    with holding(call.run_id, principal=call.principal) as held:
        step = held.step(call.step_id)
        if step.lease_token != call.lease or step.lease_agent != HOLDER or step.lease_expires_at is None:
            held.note("step.answer_unused", step, answer=said(outcome))
        elif isinstance(outcome, calls.Answer):
            found = {"status": outcome.status, "seconds": outcome.seconds, **outcome.saved}
            moving.answered(held, step, found | ({} if outcome.saved else {"content": outcome.content}))
        elif isinstance(outcome, calls.CallFailed):
            moving.failed(held, step, outcome.why, retry_after=outcome.retry_after)
        else:
            moving.failed(held, step, str(outcome), final=True)


def said(outcome: Outcome) -> str:
    return f"HTTP {outcome.status}" if isinstance(outcome, calls.Answer) else str(outcome)
