"""Who governs: sets rules, publishes procedures, curates knowledge."""

from __future__ import annotations

from memoryhub.access.exceptions import Forbidden, ScopeMissing
from memoryhub.access.principals import Principal


def require_governor(principal: Principal) -> None:
    """A person of the staff who may write, the hub itself, or a key with ``admin``."""
    if not may_govern(principal):
        raise ScopeMissing("write" if principal.kind == "staff" else "admin")


def may_govern(principal: Principal) -> bool:
    if principal.kind == "system":
        return True
    return ("write" if principal.kind == "staff" else "admin") in principal.permissions


def require_person(principal: Principal) -> None:
    """Only a person decides: no key does, whatever it may."""
    if principal.kind != "staff":
        raise Forbidden("This is for a person to decide, in the admin.", code="person_required")
    principal.require("write")
