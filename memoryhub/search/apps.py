from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "memoryhub.search"
    label = "search"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.search.health import search, vector_indexes
        from memoryhub.search.vector_store import VectorStore
        from memoryhub.sync import health, stores

        stores.register(VectorStore())
        health.register("search", search)
        health.register("vector_indexes", vector_indexes)
