from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "memoryhub.search"
    label = "search"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.search.health import search, vector_indexes
        from memoryhub.search.vector_store import VectorStore
        from memoryhub.sync import health, jobs, stores

        stores.register(VectorStore())
        health.register("search", search)
        jobs.register(
            jobs.Job(
                "drop_former_vectors",
                "memoryhub.search.services.building.drop_former",
                60,
                "Removes the vectors of former search models whose time is over.",
                5_000,
            )
        )
        health.register("vector_indexes", vector_indexes)
