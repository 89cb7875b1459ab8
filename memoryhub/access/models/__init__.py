from memoryhub.access.models.agents import Agent
from memoryhub.access.models.audit import AuditEvent
from memoryhub.access.models.grants import Grant
from memoryhub.access.models.idempotency import IdempotencyKey
from memoryhub.access.models.keys import ApiKey
from memoryhub.access.models.rates import RateBucket
from memoryhub.access.models.tenants import StaffLimit, Tenant

__all__ = ["Agent", "ApiKey", "AuditEvent", "Grant", "IdempotencyKey", "RateBucket", "StaffLimit", "Tenant"]
