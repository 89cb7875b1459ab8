from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "memoryhub.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.registry.presenters import entries
        from memoryhub.registry.states import TOPIC
        from memoryhub.registry.states import entries as entry_states
        from memoryhub.search import presenters
        from memoryhub.sync import states

        presenters.register("entry", entries)
        states.register(TOPIC, entry_states)
