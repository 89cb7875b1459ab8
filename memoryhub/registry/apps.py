from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "memoryhub.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.registry.presenters import entries
        from memoryhub.search import presenters

        presenters.register("entry", entries)
