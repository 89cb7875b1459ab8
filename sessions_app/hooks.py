"""What a session's beginning and end have to do with houses above: they register here in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryhub.access.principals import Principal
    from sessions_app.models import Session


@dataclass(frozen=True, slots=True)
class NewError:
    """An error that an agent met: what it said, its type where there is one, and what went on."""

    message: str
    error_type: str = ""
    context: dict[str, Any] = field(default_factory=dict)


#: Rows for a briefing, the most important first; ``session`` is the one that was asked for, or None.
Part = Callable[["Session | None", "Principal"], list[dict[str, Any]]]
#: Writes errors down, in the transaction that saves the session; gives how many were kept.
KeepErrors = Callable[[], int]
#: Runs before the session is held, because a model may be at work on it; what it gives keeps the errors.
RecognizeErrors = Callable[["Session", Sequence[NewError], "Principal"], KeepErrors]

_parts: dict[str, Part] = {}
_recognizers: list[RecognizeErrors] = []


def briefing_part(name: str, part: Part) -> None:
    """Adds what is known under ``name`` to every briefing: ``active_procedures``, ``errors``."""
    _parts[name] = part


def part(name: str, session: Session | None, principal: Principal) -> list[dict[str, Any]]:
    """Empty where nobody knows."""
    known = _parts.get(name)
    return known(session, principal) if known else []


def recognize_errors(recognize: RecognizeErrors) -> None:
    _recognizers.append(recognize)


def recognized_errors(session: Session, errors: Sequence[NewError], principal: Principal) -> KeepErrors:
    """What writes them down. Raises what is wrong with them."""
    keepers = [recognize(session, errors, principal) for recognize in _recognizers]
    return lambda: sum(keep() for keep in keepers)
