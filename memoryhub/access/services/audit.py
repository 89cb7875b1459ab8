"""Writing the audit trail. Values enter it as salted digests only."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

from django.conf import settings

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal


def record(
    action: str,
    *,
    principal: Principal,
    tenant_id: str | None = None,
    object_type: str = "",
    object_id: str | UUID = "",
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    reason: str = "",
    outcome: AuditEvent.Outcome = AuditEvent.Outcome.DONE,
) -> AuditEvent:
    """Adds one line, in the caller's transaction. ``action`` is a namespaced code such as ``access.key.revoked``.

    ``tenant_id`` names whose trail it belongs to where the principal is in no tenant (staff, platform).
    """
    return AuditEvent.objects.create(
        tenant_id=tenant_id or principal.tenant_id,
        action=action,
        outcome=outcome,
        actor=principal.actor,
        actor_kind=principal.kind,
        agent_id=principal.agent_id,
        user_id=principal.named_user,
        key_id=principal.key_id,
        request_id=principal.request_id,
        object_type=object_type,
        object_id=str(object_id),
        old=old,
        new=new,
        reason=reason,
    )


def digest(value: Any) -> str:
    """HMAC-SHA256 (hex, 32 characters) of a JSON value under the hub's audit salt: comparable, not readable."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(settings.SECRETS.audit_salt.encode(), canonical.encode(), hashlib.sha256).hexdigest()[:32]
