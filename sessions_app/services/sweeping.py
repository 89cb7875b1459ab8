"""Jobs that close or turn back many things: each in a transaction of its own, so that one failure stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from uuid import UUID

from django.db import InterfaceError, OperationalError

from memoryhub.access.principals import Principal

logger = logging.getLogger(__name__)
#: The thing's id and its tenant.
Found = Iterable[tuple[UUID, str]]


def one_by_one(found: Found, work: Callable[[UUID, Principal], bool], principal: Principal) -> dict[str, int]:
    """``done`` and ``failed``. What failed is logged, and is found again by the next run."""
    counts = {"done": 0, "failed": 0}
    for id_, tenant in found:
        try:
            counts["done"] += work(id_, principal.within(tenant))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("%s could not handle %s of tenant %s.", principal.name, id_, tenant)
            counts["failed"] += 1
    return counts
