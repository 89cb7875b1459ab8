from django.apps import AppConfig


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
        upkeep = "memoryhub.sync.services.sweeping"
        for job in (
            jobs.Job("heartbeat", f"{upkeep}.heartbeat", 1, "Shows that jobs run; the watchdog restarts them if not."),
            jobs.Job(
                "sync_sweep",
                f"{upkeep}.sweep_outbox",
                1,
                "Settles events whose deliveries are all done; parks deliveries that no store will take.",
            ),
            jobs.Job("purge_outbox", f"{upkeep}.purge", 60, "Removes old events, runs and queue records.", 1000),
        ):
            jobs.register(job)
