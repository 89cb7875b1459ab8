from django.apps import AppConfig

#: name, function in services/sweeping.py, minutes between runs, what it does
OWN_JOBS = (
    ("heartbeat", "heartbeat", 1, "Shows that jobs run; the watchdog restarts them if not."),
    ("sync_sweep", "sweep_outbox", 1, "Settles events that are done; parks deliveries that no store will take."),
    ("purge_outbox", "purge", 60, "Removes old events, runs of jobs and queue records."),
    ("access_sweep", "sweep_access", 30, "Removes idempotency keys and rate windows that have ended."),
)


class SyncConfig(AppConfig):
    name = "memoryhub.sync"
    label = "sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from memoryhub.sync import health, jobs, stores
        from memoryhub.sync.http_store import HttpStore

        for config in settings.CONFIG.sync.http_stores:
            stores.register(HttpStore(config))
        health.register_own()
        for name, work, pause, description in OWN_JOBS:
            jobs.register(jobs.Job(name, f"memoryhub.sync.services.sweeping.{work}", pause, description, limit=1000))
