"""What needs a human, and in which order. Each check is cheap: it reads short indexes, never the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import Exists, Min, OuterRef
from django.urls import reverse
from django.utils import timezone

from agents_app import noticed, selectors_queue
from agents_app.models import AgentProfile, Notice
from memoryhub.access.models import ApiKey
from memoryhub.access.principals import Principal
from memoryhub.access.services.keys import within_reach
from memoryhub.access.texts import relative
from memoryhub.sync import health
from memoryhub.sync.models import Delivery, JobRun
from procedures_app import selectors_desk, selectors_knowledge
from sessions_app.models import Handoff, Session

#: A hand-off that came back is shown for this long, while its session is open.
HANDOFF_DAYS = 7
KEY_WARNING = timedelta(days=7)
RECENT_RUNS = 400
#: Beyond this many the page says "more than".
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of the list. ``count`` None: it could not be counted. ``link`` leads to where it is dealt with.

    ``takes`` is where a button posts to that gives the next one to the reader.
    """

    count: int | None
    title: str
    detail: str = ""
    link: str = ""
    action: str = "Open"
    urgent: bool = False
    takes: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """``model`` decides who sees it: ``app.model`` of the view permission."""

    title: str
    model: str
    find: Callable[[Principal], list[Waiting]]

    def unavailable(self) -> Waiting:
        return Waiting(None, self.title, "The check did not answer in time. Reload the page to ask again.")


def plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def list_link(model: str, **filters: object) -> str:
    """The admin list of a model, filtered; empty where it has none."""
    if apps.get_model(model) not in admin.site._registry:
        return ""
    query = f"?{urlencode(filters)}" if filters else ""
    return reverse(f"admin:{model.replace('.', '_')}_changelist") + query


def object_link(model: str, pk: object) -> str:
    if apps.get_model(model) not in admin.site._registry:
        return ""
    return reverse(f"admin:{model.replace('.', '_')}_change", args=[pk])


CONFLICTS = "agents_app.conflict"


def pressing_conflicts(principal: Principal) -> list[Waiting]:
    """Overdue ones, and critical ones."""
    found = selectors_queue.counts(principal)
    lines = (
        ("overdue", "Overdue conflict", "Past the due time, and agents still work with a disputed value."),
        ("critical", "Critical conflict", "Agents work with a disputed value until somebody decides."),
    )
    return [
        Waiting(
            found[view],
            plural(found[view], title, f"{title}s"),
            detail,
            list_link(CONFLICTS, view=view),
            "Review",
            urgent=True,
        )
        for view, title, detail in lines
        if found[view]
    ]


def conflicts_to_decide(principal: Principal) -> list[Waiting]:
    """Those of the reviewer, and those that nobody has taken."""
    found = selectors_queue.counts(principal)
    lines: list[Waiting] = []
    if found["mine"]:
        title = plural(found["mine"], "Conflict assigned to you", "Conflicts assigned to you")
        oldest = selectors_queue.oldest("mine", principal)
        detail = f"The oldest was found {relative(oldest)}." if oldest else ""
        lines.append(Waiting(found["mine"], title, detail, list_link(CONFLICTS, view="mine"), "Review"))
    if found["unassigned"]:
        oldest = selectors_queue.oldest("unassigned", principal)
        title = plural(found["unassigned"], "Conflict that nobody has taken", "Conflicts that nobody has taken")
        detail = f"The oldest was found {relative(oldest)}." if oldest else ""
        link, takes = list_link(CONFLICTS, view="unassigned"), reverse("admin:agents_app_conflict_next")
        lines.append(Waiting(found["unassigned"], title, detail, link, "Review", takes=takes))
    return lines


def parked_deliveries(principal: Principal) -> list[Waiting]:
    parked = Delivery.objects.visible_to(principal).filter(status=Delivery.Status.PARKED)
    count = parked[:MOST_COUNTED].count()
    if not count:
        return []
    oldest = parked.aggregate(oldest=Min("created_at"))["oldest"]
    stores = ", ".join(sorted(parked.order_by().values_list("store", flat=True).distinct()))
    link = list_link("sync.delivery", status__exact=Delivery.Status.PARKED)
    detail = f"Given up after repeated failures: {stores}. The oldest was made {relative(oldest)}."
    return [Waiting(count, plural(count, "Parked delivery", "Parked deliveries"), detail, link, "Retry", urgent=True)]


def handoffs_turned_back(principal: Principal) -> list[Waiting]:
    """Rejected or timed out, the session still open, and nobody handed it on since."""
    later = Handoff.objects.filter(session=OuterRef("session"), created_at__gt=OuterRef("created_at"))
    back = (
        Handoff.objects.visible_to(principal)
        .filter(status__in=[Handoff.Status.REJECTED, Handoff.Status.TIMED_OUT])
        .filter(answered_at__gt=timezone.now() - timedelta(days=HANDOFF_DAYS), session__status=Session.Status.ACTIVE)
        .filter(~Exists(later))
        .select_related("session")
    )
    found = list(back.order_by("-answered_at")[:MOST_COUNTED])
    if not found:
        return []
    latest = found[0]
    how = "rejected" if latest.status == Handoff.Status.REJECTED else "not answered in time"
    detail = f"Latest: {latest.session.session_id} to {latest.to_agent}, {how} {relative(latest.answered_at)}."
    if len(found) == 1:
        link = object_link("sessions_app.session", latest.session.pk)
    else:
        link = list_link("sessions_app.handoff", returned="open")
    return [
        Waiting(
            len(found),
            plural(len(found), "Hand-off came back", "Hand-offs came back"),
            detail,
            link,
            "Decide",
            urgent=True,
        )
    ]


def knowledge_to_curate(principal: Principal) -> list[Waiting]:
    """Problems that are met often, and those whose solutions fail or contradict each other."""
    count, grounds = selectors_knowledge.counts(principal, MOST_COUNTED)
    if not count:
        return []
    detail = ", ".join(f"{number} {short}" for short, number in grounds.items())
    link = list_link("procedures_app.knowledge", needs="any")
    title = plural(count, "Piece of knowledge to curate", "Pieces of knowledge to curate")
    return [Waiting(count, title, f"Of these: {detail}.", link, "Look")]


def unread_notices(principal: Principal) -> list[Waiting]:
    """Of what still waits: what is decided needs nobody any more."""
    mine = Notice.objects.visible_to(principal).meant_for(principal.staff_pk).unread_by(principal.staff_pk)
    unread = mine.filter(noticed.waiting())
    count = unread.order_by()[:MOST_COUNTED].count()
    if not count:
        return []
    latest = unread.select_related("conflict").latest("created_at")
    detail = f"Latest: {latest.about} ({latest.get_reason_display().lower()}), {relative(latest.created_at)}."
    link = list_link("agents_app.notice", reading="unread")
    return [Waiting(count, plural(count, "Unread notice", "Unread notices"), detail, link, "Read")]


APPROVALS, RUNS = "procedures_app.approval", "procedures_app.run"


def overdue_approvals(principal: Principal) -> list[Waiting]:
    count = selectors_desk.approvals_of("overdue", principal).order_by()[:MOST_COUNTED].count()
    if not count:
        return []
    title = plural(count, "Overdue approval", "Overdue approvals")
    detail = "Its run stands still." if count == 1 else "Their runs stand still."
    return [Waiting(count, title, detail, list_link(APPROVALS, view="overdue"), "Decide", urgent=True)]


def approvals_to_decide(principal: Principal) -> list[Waiting]:
    count, oldest = selectors_desk.oldest_approval(principal)
    if oldest is None:
        return []
    title = plural(count, "Approval that a run waits for", "Approvals that runs wait for")
    return [Waiting(count, title, f"The oldest was asked for {relative(oldest)}.", list_link(APPROVALS), "Decide")]


def failed_runs(principal: Principal) -> list[Waiting]:
    failed = selectors_desk.failed_lately(principal).order_by("-finished_at")
    found = list(failed.select_related("procedure")[:MOST_COUNTED])
    if not found:
        return []
    latest = found[0]
    link = object_link(RUNS, latest.pk) if len(found) == 1 else list_link(RUNS, view="failed")
    ended = f"{latest.procedure.name}, {relative(latest.finished_at)}" if latest.finished_at else latest.procedure.name
    detail = f"Within a day. Latest: {ended}."
    return [Waiting(len(found), plural(len(found), "Failed run", "Failed runs"), detail, link, "Look", urgent=True)]


def stuck_runs(principal: Principal) -> list[Waiting]:
    """Where an agent left off, or nothing has happened for long."""
    found = list(selectors_desk.runs_of("stuck", principal).select_related("procedure")[:MOST_COUNTED])
    if not found:
        return []
    longest = found[0]
    link = object_link(RUNS, longest.pk) if len(found) == 1 else list_link(RUNS, view="stuck")
    detail = f"Nobody goes on with {longest.procedure.name} since {relative(longest.updated_at)}."
    return [Waiting(len(found), plural(len(found), "Stuck run", "Stuck runs"), detail, link, "Look")]


def failing_syncs(principal: Principal) -> list[Waiting]:
    """Agents whose last sync run failed; it is tried again, with growing pauses."""
    failing = AgentProfile.objects.visible_to(principal).filter(sync_failures__gt=0).order_by("-sync_failures")
    found = list(failing.values_list("pk", "agent_id", "sync_failures")[:MOST_COUNTED])
    if not found:
        return []
    pk, agent_id, failures = found[0]
    link = object_link("agents_app.agentprofile", pk)
    if len(found) > 1:
        link = list_link("agents_app.agentprofile", sync="failing")
    detail = f"{agent_id} failed {failures} {plural(failures, 'time', 'times')} in a row."
    title = plural(len(found), "Agent whose sync fails", "Agents whose syncs fail")
    return [Waiting(len(found), title, detail, link, "Look")]


def failed_jobs(principal: Principal) -> list[Waiting]:
    """Jobs whose latest finished run failed or was lost."""
    latest: dict[str, JobRun] = {}
    for run in JobRun.objects.exclude(outcome=JobRun.Outcome.RUNNING).order_by("-id")[:RECENT_RUNS]:
        latest.setdefault(run.job, run)
    failed = [run for run in latest.values() if run.outcome != JobRun.Outcome.DONE]
    if not failed:
        return []
    names = ", ".join(sorted(run.job for run in failed))
    return [
        Waiting(
            len(failed),
            plural(len(failed), "Failing job", "Failing jobs"),
            f"Last run failed: {names}.",
            list_link("sync.jobrun"),
            "Look",
        )
    ]


def expiring_keys(principal: Principal) -> list[Waiting]:
    now = timezone.now()
    successor = ApiKey.objects.filter(replaces=OuterRef("pk"), revoked_at__isnull=True)
    keys = within_reach(principal).filter(revoked_at__isnull=True, expires_at__gt=now, expires_at__lt=now + KEY_WARNING)
    found = list(keys.filter(~Exists(successor)).order_by("expires_at")[:MOST_COUNTED])
    if not found:
        return []
    first = found[0]
    whose, when = first.tenant_id or "the platform", relative(first.expires_at or now)
    detail = f"First: {first.name or first.public_id} of {whose}, {when}."
    link = object_link("access.apikey", first.pk) if len(found) == 1 else list_link("access.apikey", state="works")
    return [
        Waiting(
            len(found), plural(len(found), "Key ends within a week", "Keys end within a week"), detail, link, "Rotate"
        )
    ]


def degraded_health(principal: Principal) -> list[Waiting]:
    return [
        Waiting(1, f"Not well: {part.name}", part.state.problem, part.link, "Look", urgent=True)
        for part in health_parts()
        if part.state.problem and not only_parked(part.state)
    ]


def only_parked(state: health.Part) -> bool:
    """The outbox complains of parked deliveries alone, which have a line of their own."""
    age = state.detail.get("oldest_age_seconds")
    return bool(state.detail.get("parked")) and (age is None or age <= settings.CONFIG.sync.backlog_warn_seconds)


@dataclass(frozen=True, slots=True)
class HealthPart:
    name: str
    state: health.Part
    link: str


PART_LINKS = {"outbox": "sync.delivery", "relay": "sync.heartbeat", "jobs": "sync.jobrun"}


def health_parts() -> list[HealthPart]:
    """Every part of the hub with its state in words, and where to look."""
    return [
        HealthPart(name, state, list_link(PART_LINKS[name]) if name in PART_LINKS else "")
        for name, state in health.report().items()
    ]


CHECKS = (
    Check("Overdue and critical conflicts", CONFLICTS, pressing_conflicts),
    Check("Overdue approvals", APPROVALS, overdue_approvals),
    Check("Parked deliveries", "sync.delivery", parked_deliveries),
    Check("Failed runs", RUNS, failed_runs),
    Check("Hand-offs that came back", "sessions_app.handoff", handoffs_turned_back),
    Check("Conflicts to decide", CONFLICTS, conflicts_to_decide),
    Check("Approvals to decide", APPROVALS, approvals_to_decide),
    Check("Stuck runs", RUNS, stuck_runs),
    Check("Knowledge to curate", "procedures_app.knowledge", knowledge_to_curate),
    Check("Notices", "agents_app.notice", unread_notices),
    Check("Agents whose syncs fail", "agents_app.agentprofile", failing_syncs),
    Check("Failing jobs", "sync.jobrun", failed_jobs),
    Check("Health", "sync.heartbeat", degraded_health),
    Check("Keys that end soon", "access.apikey", expiring_keys),
)
