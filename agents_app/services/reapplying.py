"""A reviewer's decision that came too late: saved over what somebody else decided, as a further version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from agents_app.models import Conflict
from agents_app.resolution import Case, apply, preview_all
from agents_app.resolution.applying import UNNAMED
from agents_app.resolution.strategies import side_of
from agents_app.services import duplicates
from agents_app.services.conflicts.cases import case_of_conflict
from agents_app.services.conflicts.reach import conflict_in_reach
from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.models import EntryVersion
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import UNSET, Change, Unset


@verb
def reapply(
    conflict_id: UUID,
    *,
    principal: Principal,
    seen: int,
    over: int,
    strategy: str | None = None,
    choices: Mapping[str, Any] | None = None,
    value: Any = UNSET,
    reason: str,
) -> int:
    """Writes what the picks made of version ``seen``, over version ``over`` of the entry; gives the new version.

    The conflict stays decided as it was. Raises NotFound, ScopeMissing, Invalid, EntryStale (``over`` is not the
    newest any more), RestrictedCategory.
    """
    principal.require("write")
    conflict = conflict_in_reach(conflict_id, principal)
    if conflict.other is not None:
        duplicates.refuse_crossing(conflict.entry, conflict.other)
    mine = result_of(conflict, seen=seen, strategy=strategy, choices=choices, value=value)
    if mine is None:
        raise Invalid("choices", "These picks do not make a whole value any more. Edit the entry instead.")
    stored = entries.change(conflict.entry_id, Change(value=mine, reason=reason, if_version=over), principal=principal)
    audit.record(
        "agents.conflict.reapplied",
        principal=principal,
        tenant_id=conflict.tenant_id,
        object_type="conflict",
        object_id=conflict.pk,
        old={"version": over},
        new={"version": stored.sync_version},
        reason=reason,
    )
    return stored.sync_version


def result_of(
    conflict: Conflict,
    *,
    seen: int,
    strategy: str | None = None,
    choices: Mapping[str, Any] | None = None,
    value: Any = UNSET,
) -> Any:
    """The value that the picks make of the entry as it was at version ``seen``; None where they make none."""
    case = case_at(conflict, seen)
    if case is None:
        return None
    side = side_of(preview_all(case)[strategy].winner) if strategy else None
    made = apply(case, side=side, choices=choices, value=UNNAMED if isinstance(value, Unset) else value)
    return made.value if made.valid and made.value is not MISSING else None


def case_at(conflict: Conflict, version: int) -> Case | None:
    """The case as it was when that version was the newest."""
    found = EntryVersion.objects.filter(entry_id=conflict.entry_id, version=version).first()
    if found is None:
        return None
    case = case_of_conflict(conflict, conflict.entry)
    was = replace(case.current, value=found.value, version=version, agent_id=found.author)
    return replace(case, current=was)
