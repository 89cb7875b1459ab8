"""The consultation that a caller says to have had, and the guard that stands before whatever agents write.

Which writing needs a consultation is for the house that knows consultations to say; this one asks it at every
request that needs ``write`` or ``admin``, and again where a platform key enters a tenant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from memoryhub.access.exceptions import Invalid

if TYPE_CHECKING:
    from memoryhub.access.principals import Principal

HEADER = "Consultation-Token"
META_NAME = "HTTP_CONSULTATION_TOKEN"
PREFIX = "mhc"
#: The operation's id and a random 256-bit secret, both in hex.
PATTERN = rf"{PREFIX}_[0-9a-f]{{32}}_[0-9a-f]{{64}}"
FORM = re.compile(PATTERN)

#: Raises where the caller may not write without a consultation and has none.
WriteGuard = Callable[["Principal"], None]
_guards: list[WriteGuard] = []


def guard_writes(guard: WriteGuard) -> None:
    """For ``AppConfig.ready`` of the house that knows consultations."""
    _guards.append(guard)


def check_writing(principal: Principal) -> None:
    """Raises what a guard raises: this caller may not write in its tenant now."""
    for guard in _guards:
        guard(principal)


def checked_token(text: str) -> str:
    if not FORM.fullmatch(text):
        raise Invalid(HEADER, f"Send the token as operations/begin gave it: {HEADER}: {PREFIX}_….")
    return text
