"""Consultation tokens: made when an operation begins, shown once, proved by whoever began it.

Form: ``mhc_<operation id>_<secret>``. As with API keys the id finds the row and an HMAC with the pepper proves the
random 256-bit secret. A token is good for the key and agent that it was given to, in that tenant, while its
operation is under way.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Literal
from uuid import UUID

from django.conf import settings

from memoryhub.access import consulting
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import Operation

# The clock is read by the statement that reads the row, so one host's wrong clock lets nobody in.
FOUND = "SELECT *, expires_at > clock_timestamp() AS is_current FROM memory_operations WHERE id = %s AND tenant_id = %s"
#: Whoever ends the operation waits until the work that rests on it has committed, and takes it for itself alone.
HOLD = {"": "", "share": " FOR SHARE", "alone": " FOR NO KEY UPDATE"}


Hold = Literal["", "share", "alone"]


class Lack(Enum):
    """Why a consultation does not count, in words for the caller."""

    MISSING = "no Consultation-Token was sent"
    UNKNOWN = "this Consultation-Token is of no operation of yours"
    FOREIGN = "this Consultation-Token was given to another agent or key"
    ENDED = "the operation of this Consultation-Token has ended"
    EXPIRED = "the operation of this Consultation-Token has expired"
    OTHER_KIND = "this Consultation-Token is for work of another kind"


@dataclass(frozen=True, slots=True)
class Consulted:
    """The operation that a caller is at work on, or what it lacks."""

    operation: Operation | None = None
    lack: Lack | None = None


def new_token(operation_id: UUID) -> str:
    return f"{consulting.PREFIX}_{operation_id.hex}_{secrets.token_hex(32)}"


def digest_of(token: str) -> str:
    return hmac.digest(settings.SECRETS.key_pepper.encode(), token.encode(), "sha256").hex()


def operation_id_of(token: str) -> UUID:
    """Of a token whose form was checked."""
    return UUID(token.split("_")[1])


def proven(token: str, *, principal: Principal, hold: Hold = "") -> Operation | None:
    """The tenant's operation that the token proves to know, whoever it was given to and whatever became of it.

    ``hold`` keeps it from ending until the transaction does, shared with other work or alone.
    """
    if not consulting.FORM.fullmatch(token) or principal.tenant_id is None:
        return None
    with behind_walls(principal):
        asked = [operation_id_of(token), principal.tenant_id]
        found: Operation | None = next(iter(Operation.objects.raw(FOUND + HOLD[hold], asked)), None)
    # compared even when nothing was found, so that the time does not tell
    matches = hmac.compare_digest(digest_of(token), found.token_digest if found else "0" * 64)
    return found if matches else None


def consulted(principal: Principal, *, hold: Hold = "") -> Consulted:
    """What the caller's token is worth now, for any kind of work."""
    if not principal.consultation:
        return Consulted(lack=Lack.MISSING)
    operation = proven(principal.consultation, principal=principal, hold=hold)
    if operation is None:
        return Consulted(lack=Lack.UNKNOWN)
    lack = lack_of(operation, principal)
    return Consulted(lack=lack) if lack else Consulted(operation=operation)


def lack_of(operation: Operation, principal: Principal) -> Lack | None:
    if not is_holder(operation, principal):
        return Lack.FOREIGN
    if operation.status != Operation.Status.BEGUN:
        return Lack.ENDED
    return None if operation.is_current else Lack.EXPIRED  # type: ignore[attr-defined]


def is_holder(operation: Operation, principal: Principal) -> bool:
    """Whether the token was given to this key acting for this agent."""
    return (operation.key_id, operation.agent_id) == (principal.key_id, principal.agent_id)
