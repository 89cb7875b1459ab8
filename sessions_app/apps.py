from django.apps import AppConfig

#: name, verb, minutes between runs, what it does
JOBS = (
    ("session_expiry", "endings.expire_idle", 5, "Closes sessions without activity, with a summary."),
    ("handoff_timeouts", "handoffs.time_out_due", 1, "Turns back hand-offs that nobody answered in time."),
    ("snapshot_expiry", "records.purge_expired_snapshots", 60, "Deletes context snapshots past their end."),
)


class SessionsConfig(AppConfig):
    name = "sessions_app"
    label = "sessions_app"
    verbose_name = "Sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.access.principals import guard_sessions
        from memoryhub.registry.services import stats
        from memoryhub.search import presenters
        from memoryhub.sync import jobs, states, stores
        from sessions_app.presenters import messages
        from sessions_app.selectors.lists import active_count
        from sessions_app.services.changes import TOPIC
        from sessions_app.services.finding import refuse_foreign_session
        from sessions_app.states import sessions as session_states
        from sessions_app.stores import ConversationStore

        stats.register_contributor("active_sessions", active_count)
        guard_sessions(refuse_foreign_session)
        stores.register(ConversationStore())
        states.register(TOPIC, session_states)
        presenters.register("message", messages)
        for name, work, pause, description in JOBS:
            jobs.register(jobs.Job(name, f"sessions_app.services.{work}", pause, description, limit=100))
