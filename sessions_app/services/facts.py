"""What a session holds in mind: critical facts, which travel with every hand-off, and working memory."""

from __future__ import annotations

from typing import Any

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.registry.services.drafts import check_value
from sessions_app.models import Session
from sessions_app.services import acting, changes, finding


@verb
def put(*, session_id: str, facts: dict[str, Any], principal: Principal) -> Session:
    """Adds or replaces critical facts; a fact set to None is forgotten. Raises SessionClosed, TooLarge."""
    if not facts:
        raise Invalid("facts", "Name at least one fact.")
    session = finding.locked_open(session_id, principal=principal)
    session.critical_facts = merged(session.critical_facts, facts, "facts")
    changed = acting.enter(session, principal)
    changes.save(session, "critical_facts", *changed, action="facts.put", principal=principal, **described(facts))
    return session


@verb
def put_working_memory(
    *, session_id: str, values: dict[str, Any], principal: Principal, replace: bool = False
) -> Session:
    """Merges ``values`` into the working memory (None forgets a key), or replaces all of it."""
    session = finding.locked_open(session_id, principal=principal)
    session.working_memory = merged({} if replace else session.working_memory, values, "values")
    changed = acting.enter(session, principal)
    changes.save(
        session, "working_memory", *changed, action="working_memory.put", principal=principal, **described(values)
    )
    return session


def merged(old: dict[str, Any], new: dict[str, Any], field: str) -> dict[str, Any]:
    """``old`` with ``new`` over it, without what is None. Raises TooLarge beyond the limit of one value."""
    result = {key: value for key, value in (old | new).items() if value is not None}
    check_value(result, field)
    return result


def described(values: dict[str, Any]) -> dict[str, Any]:
    """For the audit trail: the names and a digest of what was put."""
    return {"keys": sorted(values), "digest": audit.digest(values)}
