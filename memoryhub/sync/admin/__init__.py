from memoryhub.sync.admin import deliveries, events, jobs

__all__ = ["deliveries", "events", "jobs"]
