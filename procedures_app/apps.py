from django.apps import AppConfig

#: name, verb, minutes between runs, what it does, things in a slice
JOBS: tuple[tuple[str, str, int, str, int], ...] = (
    ("purge_errors", "errors.purge", 60, "Deletes captured errors past their time; what was learned stays.", 1_000),
    ("problems_sign", "signing.again", 10, "Signs problems anew that the rules of a former version signed.", 500),
    ("approval_notices", "approval_notices.overdue", 5, "Tells staff of approvals that wait for too long.", 100),
    ("runs_upkeep", "runs.upkeep.work", 1, "Ends leases and limits of runs, and makes the calls of their steps.", 200),
    ("operations_expire", "operations.expire", 5, "Abandons operations that were not finished in time.", 100),
)


class ProceduresConfig(AppConfig):
    name = "procedures_app"
    label = "procedures_app"
    verbose_name = "Procedures"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from agents_app import news, noticed
        from memoryhub.access import consulting
        from memoryhub.search import presenters
        from memoryhub.sync import jobs
        from procedures_app import briefing, indexing
        from procedures_app.noticed_approvals import NoticedApprovals
        from procedures_app.services import enforcement
        from sessions_app import hooks

        news.register("run", "procedures_app.view_run")
        noticed.register(NoticedApprovals())
        consulting.guard_writes(enforcement.guard)
        presenters.register("knowledge", indexing.knowledge)
        presenters.register("work", indexing.work)
        presenters.register("procedure", indexing.procedures)
        hooks.briefing_part("active_procedures", briefing.active_procedures)
        hooks.briefing_part("errors", briefing.recent_errors)
        hooks.recognize_errors(briefing.recognize_errors)
        for name, work, pause, description, limit in JOBS:
            jobs.register(jobs.Job(name, f"procedures_app.services.{work}", pause, description, limit))
