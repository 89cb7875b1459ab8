"""Shortcuts that were refused stay on the run's record, in a transaction of their own: the refused one is undone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connection

from memoryhub.access.exceptions import HubError
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from procedures_app.exceptions import StepRequired
from procedures_app.models import RunEvent
from procedures_app.services.runs.held import HeldRun, holding

logger = logging.getLogger(__name__)
EVENT = "step.refused"
#: The same attempt again within this time is not written down anew.
THINNED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Who tried what: ``attempted`` is ``complete``, ``fail``, ``skip`` or ``deviate``."""

    event_id: UUID
    run_id: UUID
    step_id: str
    attempted: str
    required_step: str
    principal: Principal


@contextmanager
def noted(run_id: UUID, step_id: str, attempted: str, principal: Principal) -> Iterator[None]:
    """Writes down that a step other than the current one was refused."""
    try:
        yield
    except StepRequired as error:
        required = str(error.extra.get("required_step", ""))
        shortcut = Shortcut(new_id(), run_id, step_id, attempted, required, principal)
        error.shortcut = shortcut
        if not connection.needs_rollback:  # else whoever undoes the transaction writes it down afterwards
            note(shortcut)
        raise


def note(shortcut: Shortcut) -> None:
    """Adds the event, unless it is there. Being unable to must not hide the refusal itself."""
    try:
        with holding(shortcut.run_id, principal=shortcut.principal) as held:
            if known(held, shortcut):
                return
            step = held.step(shortcut.step_id)
            held.moved = False
            held.note(EVENT, step, attempted=shortcut.attempted, required_step=shortcut.required_step)
            held.events[-1].pk = shortcut.event_id
    except (HubError, DatabaseError):
        logger.exception("A refused shortcut in run %s could not be written down.", shortcut.run_id)


def known(held: HeldRun, shortcut: Shortcut) -> bool:
    alike = RunEvent.objects.filter(run=held.run, event=EVENT, step_id=shortcut.step_id, actor=shortcut.principal.actor)
    last = alike.filter(detail__attempted=shortcut.attempted).order_by("-number").first()
    if last is None:
        return False
    return bool(last.pk == shortcut.event_id or last.at > held.now - THINNED)
