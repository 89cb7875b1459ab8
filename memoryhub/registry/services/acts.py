"""Who does it, for version, audit and sync event: what the database's write function writes down."""

from __future__ import annotations

from typing import Any

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.services.audit import digest
from memoryhub.registry.content import readable
from memoryhub.sync import stores

#: What stores subscribe to in order to hear of entries.
TOPIC = "entry"


def act(
    principal: Principal, *, did: str = "stored", reason: str = "", key: str = "", value_digest: str | None = None
) -> dict[str, Any]:
    """The act of changing one entry. ``did`` becomes the version's action and part of the audit code."""
    return {
        "did": did,
        "reason": reason,
        "label": readable(key),
        "digest": value_digest,
        "version_id": str(new_id()),
        "audit_id": str(new_id()),
        "event_id": str(new_id()),
        "targets": stores.targets(TOPIC),
        "scoped": stores.scoped(),
        "tenant_id": principal.tenant_id,
        "actor": principal.actor,
        "actor_kind": principal.kind,
        "agent_id": principal.agent_id,
        "user_id": principal.named_user,
        "key_id": principal.key_id and str(principal.key_id),
        "request_id": principal.request_id,
        "admin": principal.is_admin,
        "fence": principal.fence,
    }


def storing(principal: Principal, *, key: str, value: Any, reason: str = "", did: str = "stored") -> dict[str, Any]:
    return act(principal, did=did, reason=reason, key=key, value_digest=digest(value))
