from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents_app"
    label = "agents_app"
    verbose_name = "Agents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents_app.stores import FeedStore
        from memoryhub.sync import jobs, stores

        stores.register(FeedStore())
        jobs.register(
            jobs.Job(
                "purge_feeds",
                "agents_app.services.replicas.purge",
                60,
                "Removes from the change feeds what left a slice long ago.",
                1000,
            )
        )
        jobs.register(
            jobs.Job(
                "regrants",
                "agents_app.services.regranting.work",
                1,
                "Brings the grants of stored memories in line with changed sharing rules.",
            )
        )
