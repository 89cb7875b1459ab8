"""Disagreements of agents in the seeded hub: what the queue, the review page and the bulk preview show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db import connection
from django.utils import timezone

from agents_app.models import AgentProfile, Conflict
from agents_app.services import conflicts
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change, Draft
from tests.browser.seed import HOSTILE, LOGIN, PASSWORD, ago

SYSTEM = system_principal("demo")
JOB = system_principal("detection", "acme")
REVIEWER = "ben"
CREW = ("crm-bot", "writer-bot", "desk-bot")


def acting(name: str, user: str | None = None) -> Principal:
    return Principal(
        kind="key",
        name=f"key of {name}",
        tenant_id="acme",
        agent_id=name,
        named_user=user,
        permissions=frozenset({"read", "write"}),
    )


def play() -> dict[str, str]:
    """The ids that the tests open, by name."""
    people()
    made = {
        "clash": renewal(),
        "prose": refund_text(),
        "creation": created_twice(),
        "three": three_sides(),
        "hostile_conflict": hostile(),
        "duplicate": duplicate(),
        "contradiction": contradiction(),
        "gone": deletion(),
    }
    small_ones()
    made["decided"] = decided_by_strategies()
    aged(made)
    plain = ("hostile_conflict", "decided")
    return {name if name in plain else f"conflict_{name}": str(pk) for name, pk in made.items()}


def people() -> None:
    ben = User.objects.create_user(REVIEWER, password=PASSWORD, is_staff=True, first_name="Ben", last_name="Okoro")
    ben.groups.set(Group.objects.filter(name="Conflict reviewer"))
    for name in CREW:
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=name)
    AgentProfile.objects.update_or_create(tenant_id="acme", agent_id="writer-bot", defaults={"priority": "high"})


def stored(key: str, value: Any, by: str, **fields: Any) -> UUID:
    user = fields.get("user_id")
    scope = "user" if user else "tenant"
    draft = Draft(**{"key": key, "value": value, "scope": scope, "layer": "long_term", **fields})
    return entries.store(draft, principal=acting(by, user)).entry_id


def changed(entry: UUID, value: Any, by: str, *, user: str | None = None, reason: str = "", version: int = 1) -> None:
    entries.change(entry, Change(value=value, if_version=version, reason=reason), principal=acting(by, user))


def disputed(entry: UUID, value: Any, by: str, *, user: str | None = None, base: int | None = 1, **said: Any) -> UUID:
    """A stale change that nobody but a person may decide."""
    fields = {"strategy": "manual_review", "written_at": ago(minutes=20), **said}
    done = conflicts.submit(entry, principal=acting(by, user), base_version=base, value=value, **fields)
    assert done.conflict_id is not None, done
    return done.conflict_id


def renewal() -> UUID:
    """One clash among changes that fit together."""
    plan: dict[str, Any] = {
        "customer": "Maya Chen",
        "tier": "silver",
        "seats": 40,
        "tags": ["pilot", "eu"],
        "contact": {"channel": "email", "language": "en", "hours": "9-17", "time_zone": "Europe/Berlin"},
        "notes": "Prefers short answers. Asks for sources when numbers are quoted.",
        "owner": "support-bot",
        "since": "2024-03-01",
    }
    entry = stored("prefs/maya-chen", plan, "support-bot", user_id="maya-chen", category="user_preferences",
                   priority="high", importance=0.8)  # fmt: skip
    ours = plan | {"tier": "gold", "tags": ["pilot", "eu", "renewal-2027"]}
    changed(entry, ours, "crm-bot", user="maya-chen", reason="upgraded after the quarterly review")
    theirs = plan | {
        "tier": "platinum",
        "seats": 55,
        "tags": ["pilot", "eu", "priority"],
        "notes": "Prefers short answers with sources. Asks for sources when numbers are quoted, and for the method.",
    }
    return disputed(entry, theirs, "writer-bot", user="maya-chen", reason="said so on the phone",
                    attributes={"importance": 0.6})  # fmt: skip


def refund_text() -> UUID:
    """Two versions of one text."""
    text = (
        "Refunds are paid within 30 days of the purchase.\nThe customer sends the invoice number by email.\n"
        "Amounts above 500 EUR need the approval of the billing lead."
    )
    entry = stored("policy/refund-window", text, "billing-bot", category="policy", priority="critical")
    changed(entry, text.replace("30 days", "45 days"), "desk-bot", reason="new terms since October")
    offered = text.replace("30 days of the purchase", "14 days of the delivery").replace("500 EUR", "750 EUR")
    return disputed(entry, offered, "crm-bot", reason="as in the contract of 2026")


def created_twice() -> UUID:
    """Two agents made the same key without knowing of each other."""
    entry = stored("team/on-call", {"name": "Priya", "phone": "+49 30 1234", "week": 47}, "desk-bot")
    return disputed(
        entry, {"name": "Tomás", "phone": "+49 30 9876", "week": 47, "backup": "Priya"}, "planner", base=None
    )


def three_sides() -> UUID:
    entry = stored("accounts/globe-pharma", {"status": "trial", "seats": 10, "region": "eu"}, "crm-bot", importance=0.7)
    changed(entry, {"status": "customer", "seats": 12, "region": "eu"}, "desk-bot")
    first = disputed(entry, {"status": "churned", "seats": 10, "region": "eu"}, "billing-bot", reason="invoice refused")
    disputed(entry, {"status": "paused", "seats": 25, "region": None}, "writer-bot", written_at=ago(minutes=5))
    return first


def hostile() -> UUID:
    entry = stored(f"inbox/{HOSTILE}"[:120], {"note": "plain", HOSTILE: 1}, "researcher", category="inbox")
    changed(entry, {"note": HOSTILE, HOSTILE: 2}, "desk-bot", reason=HOSTILE)
    return disputed(entry, {"note": f"{HOSTILE} again", HOSTILE: [HOSTILE]}, "writer-bot", reason=HOSTILE)


def found(kind: str, one: UUID, two: UUID, confidence: float, **evidence: Any) -> UUID:
    made = conflicts.create_found(kind, one, two, confidence=confidence, evidence=evidence, principal=JOB)
    assert made is not None
    return made.pk


def duplicate() -> UUID:
    one = stored("customers/maya/contact", {"prefers": "email", "hours": "9-17"}, "support-bot", category="customer")
    two = stored(
        "contacts/maya-chen", {"prefers": "email", "hours": "9-17", "language": "en"}, "crm-bot", category="customer"
    )
    return found("duplicate", one, two, 0.93, why=["“email” in both.", "“9-17” in both."], similarity=0.97)


def contradiction() -> UUID:
    one = stored("facts/hq", "The headquarters of Globe Pharma are in Basel.", "researcher", category="facts")
    two = stored(
        "facts/globe-pharma-seat", "The headquarters of Globe Pharma are in Zurich.", "crm-bot", category="facts"
    )
    return found("contradiction", one, two, 0.81, why=["“Basel” against “Zurich”."], similarity=0.94)


def deletion() -> UUID:
    entry = stored("tickets/sup-4182", {"state": "open", "owner": "desk-bot"}, "desk-bot", category="ticket")
    changed(entry, {"state": "waiting", "owner": "desk-bot"}, "support-bot")
    return disputed(entry, None, "billing-bot", deletes=True, reason="paid and closed")


def small_ones() -> None:
    """For bulk: most are plain, one cannot be merged, one is about two entries."""
    for number in range(6):
        value = {"calls": number, "mood": "calm", "city": "Bonn"}
        entry = stored(f"customer/b{number:02}/state", value, "desk-bot", category="customer", priority="low")
        changed(entry, value | {"calls": number + 1}, "support-bot")
        offered = value | ({"mood": "curious"} if number % 3 else {"calls": number + 7})
        disputed(entry, offered, "writer-bot", written_at=ago(minutes=number + 1))


def decided_by_strategies() -> UUID:
    """Five, of which one was taken back; gives one that stands."""
    for number in range(5):
        entry = stored(f"metrics/m{number}", {"n": number}, "desk-bot", category="metric")
        changed(entry, {"n": number + 1}, "crm-bot")
        by = acting("writer-bot")
        done = conflicts.submit(entry, principal=by, base_version=1, value={"n": number + 2}, strategy="latest_wins")
        assert done.conflict_id is not None
        if number == 4:
            ada = Principal(kind="staff", name=LOGIN, permissions=frozenset({"read", "write", "admin"}))
            conflicts.undo(done.conflict_id, principal=ada.within("acme"), reason="the older count was right")
        else:
            standing = done.conflict_id
    return standing


def aged(made: dict[str, UUID]) -> None:
    """What only time brings, and what people did in the queue."""
    with connection.cursor() as cursor:
        cursor.execute(AGES)
    now, ada = timezone.now(), User.objects.get(username=LOGIN)
    set_(made["clash"], created_at=now - timedelta(hours=2), due_at=now + timedelta(hours=1), assignee=ada)
    set_(made["prose"], created_at=now - timedelta(hours=26), due_at=now - timedelta(hours=2))
    set_(made["creation"], created_at=now - timedelta(hours=5), severity="critical", due_at=now + timedelta(minutes=40))
    set_(made["three"], created_at=now - timedelta(days=2), snoozed_until=None)
    set_(made["gone"], snoozed_until=now + timedelta(hours=20))


AGES = """
UPDATE memory_context_versions v SET created_at = v.created_at - interval '50 minutes'
FROM memory_conflicts c WHERE c.entry_id = v.entry_id AND v.version = 2 AND c.status = 'open';
UPDATE memory_context_registry e SET updated_at = v.created_at
FROM memory_context_versions v, memory_conflicts c
WHERE v.entry_id = e.id AND v.version = e.sync_version AND c.entry_id = e.id AND c.status = 'open';
"""


def set_(conflict: UUID, **fields: datetime | str | User | None) -> None:
    Conflict.objects.filter(pk=conflict).update(**fields)
