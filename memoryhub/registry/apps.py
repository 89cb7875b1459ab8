from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "memoryhub.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.registry import searches
        from memoryhub.registry.boosts import strength
        from memoryhub.registry.presenters import entries
        from memoryhub.registry.states import TOPIC
        from memoryhub.registry.states import entries as entry_states
        from memoryhub.search import boosts, hooks, presenters
        from memoryhub.sync import jobs, states

        presenters.register("entry", entries)
        boosts.register("strength", strength)
        hooks.before_search(searches.check_parent)
        hooks.on_search(searches.note)
        states.register(TOPIC, entry_states)
        verbs = "memoryhub.registry.services"
        for job in (
            jobs.Job("expire_entries", f"{verbs}.lifecycle.expire_due", 1, "Archives entries whose end has come."),
            jobs.Job("archive_weak", f"{verbs}.lifecycle.archive_weak", 60, "Archives memories that have faded."),
            jobs.Job(
                "purge_entries",
                f"{verbs}.lifecycle.purge",
                60,
                "Removes for good what was deleted or archived long enough ago.",
                100,
            ),
            jobs.Job("sweep_locks", f"{verbs}.locks.sweep", 1, "Passes on locks that ended to those that wait."),
            jobs.Job("fold_counts", f"{verbs}.counts.fold", 5, "Adds the counts of entries together.", 10_000),
        ):
            jobs.register(job)
