"""What a search may refuse."""

from __future__ import annotations

from memoryhub.access.exceptions import Invalid


class TenantNeeded(Invalid):
    """A search runs inside one tenant: name it in 'tenant_id'."""

    code = "tenant_needed"

    def __init__(self) -> None:
        super().__init__("tenant_id", type(self).__doc__ or "")
