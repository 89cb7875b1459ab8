from django.apps import AppConfig

#: name, verb, minutes between runs, what it does, things in a slice
JOBS = (
    ("sync_agents", "syncing.sync_agents", 1, "Brings each agent up to date when its time has come.", 100),
    ("sync_run_purge", "syncing.purge_runs", 60, "Deletes old records of sync runs; their totals stay.", 1000),
    ("purge_feeds", "replicas.purge", 60, "Removes from the change feeds what left a slice long ago.", 1000),
    ("conflict_notices", "notices.overdue", 5, "Tells staff of conflicts that wait for too long.", 100),
    ("conflicts", "conflicts.upkeep.work", 5, "Retries strategies that failed; raises conflicts past due.", 100),
    ("regrants", "regranting.work", 1, "Brings the grants of stored memories in line with changed sharing rules.", 500),
    ("find_disagreements", "detecting.work", 1, "Compares changed memories with their neighbors.", 200),
)


class AgentsConfig(AppConfig):
    name = "agents_app"
    label = "agents_app"
    verbose_name = "Agents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents_app import news, notice_stores, noticed
        from agents_app.noticed_conflicts import NoticedConflicts
        from agents_app.services import categories, detecting, regranting, retention, sync_counts, sync_steps
        from agents_app.services.conflicts import offering, records, upkeep
        from agents_app.stores import FeedStore
        from agents_app.stream import health as stream_health
        from memoryhub.registry import hooks
        from memoryhub.search import hooks as search_hooks
        from memoryhub.sync import jobs, stores

        search_hooks.read_filters(categories.filters_as_stored)
        news.register(news.FEED, "agents_app.view_feeditem")
        news.register("conflict", "agents_app.view_conflict")
        stores.register(FeedStore())
        stream_health.register()
        noticed.register(NoticedConflicts())
        notice_stores.register_configured()
        hooks.erasing(records.forget)
        hooks.proposing(offering.settle)
        for name, step in (
            ("sharing", regranting.step),
            ("conflicts", upkeep.step),
            ("retention", retention.retention),
            ("clean_up", retention.clean_up),
            ("disagreements", detecting.step),
            ("replicas", sync_counts.replicas),
            ("counts", sync_counts.counts),
        ):
            sync_steps.register(name, step)
        for name, work, pause, description, limit in JOBS:
            jobs.register(jobs.Job(name, f"agents_app.services.{work}", pause, description, limit))
