from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions_app"
    label = "sessions_app"
    verbose_name = "Sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.search import presenters
        from memoryhub.sync import stores
        from sessions_app.presenters import messages
        from sessions_app.stores import ConversationStore

        stores.register(ConversationStore())
        presenters.register("message", messages)
