"""What a verb may refuse. The class docstring is the default message; HTTP statuses live in the API."""

from __future__ import annotations

from typing import Any


class HubError(Exception):
    """The request cannot be carried out."""

    code = "error"

    def __init__(self, message: str | None = None, *, code: str | None = None, **extra: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.code = code or type(self).code
        self.extra = extra
        super().__init__(self.message)


class NotFound(HubError):
    """There is nothing here under that name. Check the id, and that your key may see it."""

    code = "not_found"


class Invalid(HubError):
    """The request is not valid."""

    code = "invalid"

    def __init__(self, field: str, message: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(message, code=code, **extra)
        self.field = field


class Unauthenticated(HubError):
    """The API key is missing or not valid. Send 'Authorization: Bearer <key>' with a current key."""

    code = "unauthenticated"


class Forbidden(HubError):
    """Your key may not do this."""

    code = "forbidden"


class ScopeMissing(Forbidden):
    """Your key lacks a permission for this."""

    code = "permission_missing"

    def __init__(self, permission: str) -> None:
        super().__init__(f"Your key lacks the permission '{permission}'. Ask an administrator for a key that has it.")


class TenantMismatch(Forbidden):
    """The request names another tenant than your key. Leave tenant_id out, or use that tenant's key."""

    code = "tenant_mismatch"


class Conflict(HubError):
    """The state of the thing does not allow this."""

    code = "conflict"


class PreconditionRequired(HubError):
    """Something has to come before this request."""

    code = "precondition_required"


class VersionRequired(PreconditionRequired):
    """Changing an entry needs If-Match with the version that you saw, for example If-Match: "3"."""

    code = "version_required"


class VersionStale(HubError):
    """The entry was changed since the version that you named. Read it again and repeat."""

    code = "version_stale"


class TooLarge(HubError):
    """That is larger than allowed."""

    code = "too_large"


class RateLimited(HubError):
    """Too many requests. Wait as long as Retry-After says."""

    code = "rate_limited"

    def __init__(self, retry_after: float, message: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class IdempotencyMismatch(HubError):
    """This Idempotency-Key was used for another request. Use a new key for a new request."""

    code = "idempotency_mismatch"


class TwinRunning(Conflict):
    """The same request is being carried out right now. Repeat it in a moment for its answer."""

    code = "twin_running"
    retry_after = 1.0


class Unavailable(HubError):
    """The hub cannot answer right now. Repeat the request in a moment."""

    code = "unavailable"
    retry_after = 2.0
