from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents_app"
    label = "agents_app"
    verbose_name = "Agents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.sync import jobs

        jobs.register(
            jobs.Job(
                "regrants",
                "agents_app.services.regranting.work",
                1,
                "Brings the grants of stored memories in line with changed sharing rules.",
            )
        )
