from memoryhub.access.admin import agents, keys, records, staff, tenants

__all__ = ["agents", "keys", "records", "staff", "tenants"]
