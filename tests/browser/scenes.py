"""The people, agents, memories and sessions of the seeded hub."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.utils import timezone

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, grants, keys, tenants
from memoryhub.registry.models import ContextEntry, Relationship
from memoryhub.registry.services import access_log, entries, lifecycle
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import space_changes, spaces
from memoryhub.search.services.spaces import Wanted
from memoryhub.sync import jobs
from memoryhub.sync.models import Delivery, JobRun
from memoryhub.sync.services import deliveries, heartbeats, schedules
from sessions_app.services import endings, facts, handoffs, messages, records, sessions, tasks
from tests.browser import conflict_scenes
from tests.browser.ages import spread_over_days
from tests.browser.seed import HOSTILE, LOGIN, PASSWORD, ids

SYSTEM = system_principal("demo")
ACME = ("planner", "researcher", "support-bot", "billing-bot")


def agent(name: str, tenant: str = "acme", user: str | None = None) -> Principal:
    """An agent as a key bound to it would act."""
    return Principal(
        kind="key",
        name=f"key of {name}",
        tenant_id=tenant,
        agent_id=name,
        named_user=user,
        permissions=frozenset({"read", "write"}),
    )


def play() -> dict[str, str]:
    people()
    made = memories()
    hostile = hostile_memory()
    session = launch_session()
    quiet_sessions()
    machinery()
    people_at_work(made)
    space = search_models()
    key = keys.create(
        principal=SYSTEM,
        tenant_id="acme",
        agent_id="support-bot",
        scopes=["read", "write"],
        name="support desk",
        expires_at=timezone.now() + timedelta(days=5),
    )[0]
    conflicts = conflict_scenes.play()
    access_log.log.flush()
    spread_over_days()
    return ids(entry=made, hostile=hostile, session=session, key=key.pk, space=space, **conflicts)


def people() -> None:
    User.objects.create_superuser(LOGIN, password=PASSWORD, first_name="Ada", last_name="Lovelace")
    auditor = User.objects.create_user("otto", password=PASSWORD, is_staff=True)
    auditor.groups.set(Group.objects.filter(name="Auditor"))
    for name, title in (("acme", "Acme"), ("globex", "Globex")):
        tenants.ensure(principal=SYSTEM, tenant_id=name, name=title)
    for name in ACME:
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=name)
    agents.ensure(principal=SYSTEM, tenant_id="globex", agent_id="ops-bot")


PREFERENCES: list[dict[str, Any]] = [
    {
        "name": "Maya Chen",
        "plan": "silver",
        "contact": {"channel": "email", "language": "en", "hours": "9-17"},
        "tags": ["pilot", "eu"],
        "notes": "Prefers short answers. Asks for sources when numbers are quoted.",
    },
    {
        "name": "Maya Chen",
        "plan": "gold",
        "contact": {"channel": "email", "language": "en", "hours": "9-17"},
        "tags": ["pilot", "eu", "renewal-2027"],
        "notes": "Prefers short answers with sources. Asks for the numbers behind every claim.",
    },
    {
        "name": "Maya Chen",
        "plan": "gold",
        "contact": {"channel": "chat", "language": "en"},
        "tags": ["eu", "renewal-2027"],
        "notes": "Prefers short answers with sources. Asks for the numbers behind every claim.",
        "seats": 40,
    },
]

SMALL: list[tuple[str, str, str, str, str, Any]] = [
    (
        "planner",
        "roadmap/q1",
        "long_term",
        "project",
        "high",
        {"goal": "Launch self-service export", "owner": "planner"},
    ),
    ("researcher", "market/export-tools", "long_term", "research", "medium", {"competitors": 4, "gap": "audit trail"}),
    (
        "support-bot",
        "howto/reset-sso",
        "permanent",
        "runbook",
        "critical",
        {"steps": ["Check IdP", "Rotate cert", "Retry"]},
    ),
    ("support-bot", "tickets/open-count", "short_term", "metric", "low", {"open": 17, "waiting": 5}),
    ("billing-bot", "invoices/overdue", "short_term", "billing", "high", {"count": 3, "total_eur": 1840.5}),
    ("billing-bot", "policy/refunds", "permanent", "policy", "high", "Refund within 30 days, no questions asked."),
    ("planner", "team/standup-notes", "short_term", "notes", "medium", "Ship the importer before the export."),
    ("researcher", "papers/memory-survey", "long_term", "research", "low", {"year": 2026, "pages": 41}),
]


def memories() -> Any:
    maya = agent("support-bot", user="maya-chen")
    first = entries.store(
        Draft(
            key="customer/maya-chen/preferences",
            value=PREFERENCES[0],
            scope="agent",
            user_id="maya-chen",
            layer="long_term",
            category="user_preferences",
            priority="high",
            importance=0.8,
            tags=["customer", "preferences"],
            reason="first call",
        ),
        principal=maya,
    )
    for value, reason in zip(
        PREFERENCES[1:], ("upgraded after the review", "asked to be reached by chat"), strict=True
    ):
        current = entries.get(first.entry_id, principal=maya).sync_version
        entries.change(first.entry_id, Change(value=value, if_version=current, reason=reason), principal=maya)
    grants.grant(principal=maya, entry_id=first.entry_id, agent_ids=["planner"], note="plans the renewal")
    grants.grant(principal=maya, entry_id=first.entry_id, agent_ids=["billing-bot"], can_write=True)
    for name, key, layer, category, priority, value in SMALL:
        draft = Draft(key=key, value=value, scope="tenant", layer=layer, category=category, priority=priority)
        entries.store(draft, principal=agent(name))
    for number in range(24):
        draft = Draft(
            key=f"customer/{number:03}/summary",
            value={"calls": number % 5, "mood": ["calm", "curious", "cross"][number % 3]},
            scope="user",
            user_id=f"customer-{number:03}",
            layer=("short_term", "long_term")[number % 2],
            category="customer",
        )
        entries.store(draft, principal=agent(ACME[number % 4]))
    entries.store(
        Draft(key="sites/status", value={"eu": "up"}, scope="tenant", layer="long_term"),
        principal=agent("ops-bot", "globex"),
    )
    entries.store(Draft(key="draft/reply", value="…", scope="tenant", layer="ephemeral"), principal=agent("planner"))
    for reader in ("planner", "billing-bot", "support-bot"):
        entries.get(first.entry_id, principal=agent(reader))
    return first.entry_id


def hostile_memory() -> Any:
    draft = Draft(
        key=f"=cmd|' /C calc'!A0 {HOSTILE}"[:200],
        value={"note": HOSTILE, "x-data": "{ a: alert(1) }", HOSTILE: [HOSTILE]},
        scope="tenant",
        layer="short_term",
        metadata={HOSTILE: HOSTILE},
        reason=HOSTILE,
        category="inbox",
    )
    return entries.store(draft, principal=agent("researcher")).entry_id


TALK = [
    ("user", "Maya", "We would like to export everything before the renewal. What is the quickest way?"),
    (
        "assistant",
        "support-bot",
        "There are two: a one-off archive that we prepare, or the new self-service export. The archive takes a day.",
    ),
    ("user", "Maya", "How large would the archive be? We have about 40 seats and two years of history."),
    ("tool", "size-estimator", '{"objects": 182403, "compressed_gb": 3.4}'),
    (
        "assistant",
        "support-bot",
        "About 3.4 GB compressed, for 182,403 objects. That is well within what we can send as a download link.",
    ),
    ("user", "Maya", "Good. And who plans the cut-over? I need dates, not promises."),
    (
        "assistant",
        "support-bot",
        "I am handing you over to our planner, who has your preferences and this conversation.",
    ),
    (
        "assistant",
        "planner",
        "Hello Maya. I propose Thursday 10:00 for the archive and Monday for the switch; reversible until Tuesday.",
    ),
    ("user", "Maya", "Thursday works. Please put the rollback steps in writing."),
    (
        "assistant",
        "planner",
        "Done: they are in the runbook that you get with the link. And I noted that you want numbers.",
    ),
]


def launch_session() -> Any:
    name = "renewal-maya-chen"
    support = agent("support-bot", user="maya-chen")
    started = sessions.start(
        principal=support, session_id=name, initial_context={"channel": "chat", "ticket": "SUP-4182"}
    )
    say(name, support, TALK[:5])
    tasks.put(
        session_id=name,
        task_id="estimate-archive",
        fields={"description": "Estimate the size of a full archive", "status": "completed", "result": {"gb": 3.4}},
        principal=support,
    )
    facts.put(
        session_id=name,
        facts={"seats": 40, "history": "2 years", "wants": "numbers with every claim"},
        principal=support,
    )
    say(name, support, TALK[5:7])
    given = handoffs.give(
        session_id=name,
        to_agent="planner",
        handoff_reason="Maya asks for dates; planning is the planner's work.",
        critical_info={"deadline": "before the renewal, 1 March"},
        continuation_instructions="Propose two dates, keep both reversible, write the rollback steps down.",
        principal=support,
    )
    planner = agent("planner", user="maya-chen")
    handoffs.accept(handoff_id=given.pk, principal=planner)
    say(name, planner, TALK[7:8])
    records.decide(
        session_id=name,
        new=records.NewDecision(
            "Cut over on Monday",
            "Archive on Thursday 10:00, switch on Monday, reversible until Tuesday noon.",
            "Maya needs the archive before the renewal, and a weekend in between leaves time to check it.",
            ["Friday evening", "after the renewal"],
        ),
        principal=planner,
    )
    tasks.put(
        session_id=name,
        task_id="rollback-steps",
        fields={
            "description": "Write the rollback steps for the cut-over",
            "status": "in_progress",
            "assigned_agent": "planner",
        },
        principal=planner,
    )
    records.snapshot(
        session_id=name,
        new=records.NewSnapshot({"step": "dates agreed", "next": "runbook"}, "task", ["renewal", "cut-over"], 8),
        principal=planner,
    )
    facts.put_working_memory(session_id=name, values={"archive": {"day": "Thursday", "hour": 10}}, principal=planner)
    say(name, planner, TALK[8:])
    return started.session.pk


def say(session: str, principal: Principal, talk: list[tuple[str, str, str]]) -> None:
    said = [messages.NewMessage(role, content, name) for role, name, content in talk]
    messages.append(session_id=session, messages=said, principal=principal)


def quiet_sessions() -> None:
    for number, name in enumerate(("onboarding-globe-pharma", "incident-2711", "weekly-planning")):
        who = agent(ACME[number], user=None)
        sessions.start(principal=who, session_id=name)
        say(name, who, [("user", "Sam", "Where were we?"), ("assistant", ACME[number], "At step two of five.")])
    back = handoffs.give(
        session_id="incident-2711",
        to_agent="billing-bot",
        handoff_reason="The customer asks for a credit note.",
        principal=agent("researcher"),
    )
    handoffs.reject(handoff_id=back.pk, principal=agent("billing-bot"), reason="No invoice named in the package.")
    who = agent("ops-bot", "globex")
    sessions.start(principal=who, session_id="night-shift")
    say("night-shift", who, [("system", "pager", "Disk at 91 % on node 4."), ("assistant", "ops-bot", HOSTILE)])


def people_at_work(entry: Any) -> None:
    """What staff did in the admin, with reasons."""

    def ada(tenant: str | None = "acme") -> Principal:
        everything = frozenset({"read", "write", "admin"})
        return Principal(kind="staff", name="ada", permissions=everything, request_id=str(new_id())).within(tenant)

    found = {row.key: row.pk for row in ContextEntry.objects.filter(tenant_id="acme")}
    lifecycle.archive(found["tickets/open-count"], principal=ada(), reason="counted by the desk itself now")
    lifecycle.hold(found["policy/refunds"], on=True, principal=ada(), reason="case 2026-117")
    spare = keys.create(
        principal=ada(None), tenant_id="acme", agent_id="researcher", scopes=["read"], name="old notebook"
    )[0]
    keys.revoke(principal=ada(None), key_id=spare.pk, reason="laptop lost")
    endings.archive(session_id="weekly-planning", principal=ada())
    for target, kind, strength in (("policy/refunds", "governed_by", 0.9), ("roadmap/q1", "mentioned_in", 0.4)):
        Relationship.objects.create(
            tenant_id="acme",
            source_id=entry,
            target_id=found[target],
            relationship_type=kind,
            strength=strength,
            author="planner",
        )


def machinery() -> None:
    waiting = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:3])
    deliveries.park(waiting, principal=SYSTEM, reason="the search store answered 503 eight times")
    for number, job in enumerate(jobs.every()):
        began = timezone.now() - timedelta(minutes=number + 1)
        failed = job.name == "session_expiry"
        JobRun.objects.create(
            job=job.name,
            outcome="failed" if failed else "done",
            started_at=began,
            finished_at=began + timedelta(milliseconds=40 + 31 * number),
            did={"handled": (number * 7) % 12},
            error="OperationalError: deadlock detected" if failed else "",
        )
    schedules.declare()
    heartbeats.beat(heartbeats.RELAY)
    heartbeats.beat(heartbeats.JOBS)


def search_models() -> UUID:
    """One in use, one on its way, and one that could not be built."""
    spaces.active_row()
    wanted = [Wanted("hashing", {"dimension": dimension}, 40) for dimension in (512, 1024)]
    failed = space_changes.start(principal=SYSTEM, wanted=wanted[0])
    reason = "2 rows could not be embedded, so searches by this model would not find them. Resume or cancel."
    VectorSpace.objects.filter(pk=failed.pk).update(state="failed", error=reason, done=118, total=120, refused=2)
    space = space_changes.start(principal=SYSTEM, wanted=wanted[1])
    space_changes.pause(principal=SYSTEM, space_id=space.pk)
    VectorSpace.objects.filter(pk=space.pk).update(done=48_210, total=120_000, rate=141.7)
    return space.pk
