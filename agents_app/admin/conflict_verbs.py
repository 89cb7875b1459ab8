"""What reviewers do with a conflict beside deciding it: take, assign, snooze, hold, dismiss, undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from agents_app.models import Conflict
from agents_app.services import conflicts
from agents_app.services.conflicts.findings import OTHER_AFTER
from memoryhub.access.admin.verbs import Call, Verb
from memoryhub.access.exceptions import Invalid
from memoryhub.access.texts import relative

MOST_REVIEWERS = 200
NAPS: dict[str, tuple[str, timedelta]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "4h": ("4 hours", timedelta(hours=4)),
    "1d": ("1 day", timedelta(days=1)),
    "7d": ("1 week", timedelta(days=7)),
}


def about(call: Call) -> dict[str, Any]:
    return {"principal": call.principal}


def take(call: Call) -> str:
    conflicts.assign(call.object.pk, username=call.principal.name, **about(call))
    return "It is yours now."


def assign(call: Call) -> str:
    username = call.fields.get("assignee", "")
    conflicts.assign(call.object.pk, username=username or None, **about(call))
    return f"{username} has it now." if username else "Nobody has it now."


def snooze(call: Call) -> str:
    nap = NAPS.get(call.fields.get("until", ""))
    if nap is None:
        raise Invalid("until", "Choose how long from the list.")
    until: datetime = timezone.now() + nap[1]
    conflicts.snooze(call.object.pk, until=until, **about(call))
    return f"Snoozed: it is back in the queue {relative(until)}."


def wake(call: Call) -> str:
    conflicts.snooze(call.object.pk, until=None, **about(call))
    return "Back in the queue."


def hold(call: Call) -> str:
    held = conflicts.hold(call.object.pk, **about(call))
    until = held.held_until
    return f"The entry is held for you{f', until {until:%H:%M} UTC' if until else ''}: agents wait with their changes."


def unhold(call: Call) -> str:
    conflicts.unhold(call.object.pk, **about(call))
    return "Agents may change the entry again."


def dismiss(call: Call) -> str:
    conflicts.dismiss(call.object.pk, reason=call.reason, **about(call))
    return f"{call.object.key}: dismissed. What is committed stays."


def undo(call: Call) -> str:
    done = conflicts.undo(call.object.pk, reason=call.reason, reopen=True, **about(call))
    return f"{call.object.key}: undone. The entry is at version {done.version}; the conflict is open again."


def restore(call: Call) -> str:
    """Where an undo is not exact any more: what was there before the decision, on top of what came since."""
    done = conflicts.undo(call.object.pk, reason=call.reason, as_new=True, **about(call))
    return f"What stood before the decision is back, as version {done.version}."


def is_open(conflict: Conflict) -> bool:
    return bool(conflict.status == Conflict.Status.OPEN)


def is_snoozed(conflict: Conflict) -> bool:
    return is_open(conflict) and conflict.snoozed_until is not None and conflict.snoozed_until > timezone.now()


def is_held(conflict: Conflict) -> bool:
    return is_open(conflict) and conflict.held_until is not None and conflict.held_until > timezone.now()


def is_decided(conflict: Conflict) -> bool:
    return conflict.status in (Conflict.Status.RESOLVED, Conflict.Status.DISMISSED)


def is_newest(conflict: Conflict) -> bool:
    """Nothing was written since to what the decision wrote."""
    other, after = conflict.other, conflict.evidence.get(OTHER_AFTER)
    untouched = after is None or (other is not None and other.sync_version == after)
    return is_decided(conflict) and untouched and conflict.version_after in (None, conflict.entry.sync_version)


def is_overtaken(conflict: Conflict) -> bool:
    return is_decided(conflict) and not is_newest(conflict) and conflict.version_before is not None


TAKE = Verb(
    "take",
    "Take it",
    "It is assigned to you.",
    take,
    reason="none",
    available=lambda found: is_open(found) and found.assignee_id is None,
    icon="front_hand",
)
VERBS = (
    TAKE,
    Verb("assign", "Assign", "Who decides this conflict?", assign, reason="none", available=is_open, icon="person_add"),
    Verb("snooze", "Snooze", "It leaves the queue until then; its due time stays.", snooze, reason="none",
         available=lambda found: is_open(found) and not is_snoozed(found), icon="snooze"),
    Verb("wake", "Wake up", "It comes back to the queue now.", wake, reason="none", available=is_snoozed, icon="alarm"),
    Verb("hold", "Hold", "Nobody but you changes the entry while you decide: agents that try are told to wait.", hold,
         reason="none", available=lambda found: is_open(found) and not is_held(found), icon="lock"),
    Verb("unhold", "Let go", "Agents may change the entry again.", unhold, reason="none", available=is_held,
         icon="lock_open"),
    Verb("dismiss", "Dismiss", "Everything stays as it is: what is committed stays, what was offered is kept in the "
         "record only.", dismiss, reason="required", available=is_open, icon="block"),
    Verb("undo", "Undo", "What stood before comes back as a further version, and the conflict is open again.", undo,
         reason="required", available=is_newest, icon="undo"),
    Verb("restore", "Restore what was before", "The entry was changed since, so the decision cannot be undone exactly. "
         "What stood before it becomes the newest version; what came since stays in the history.", restore,
         reason="required", available=is_overtaken, icon="history"),
)  # fmt: skip
#: After these the reviewer goes on with the next conflict.
DECIDING = frozenset({"dismiss", "snooze"})
#: What the dialog suggests as a reason.
SUGGESTED = {"undo": "Decided by mistake"}


@dataclass(frozen=True, slots=True)
class Dialog:
    verb: Verb
    url: str
    options: list[tuple[str, str]]
    field: str = ""
    suggested: str = ""

    @property
    def id(self) -> str:
        return f"verb-{self.verb.name}"


OPTIONS: dict[str, Callable[[Conflict], list[tuple[str, str]]]] = {
    "assign": lambda conflict: reviewers(conflict),
    "snooze": lambda conflict: [(name, title) for name, (title, _) in NAPS.items()],
}
FIELDS = {"assign": "assignee", "snooze": "until"}


def available(conflict: Conflict) -> list[Verb]:
    return [verb for verb in VERBS if verb.available(conflict)]


def dialogs_of(conflict: Conflict) -> list[Dialog]:
    """For the template ``agents/review_dialogs.html``."""
    return [
        Dialog(
            verb,
            reverse("admin:agents_app_conflict_verb", args=[conflict.pk, verb.name]),
            OPTIONS[verb.name](conflict) if verb.name in OPTIONS else [],
            FIELDS.get(verb.name, ""),
            SUGGESTED.get(verb.name, ""),
        )
        for verb in available(conflict)
    ]


def reviewers(conflict: Conflict) -> list[tuple[str, str]]:
    """Who may decide conflicts of that tenant, by name; first nobody."""
    may = (
        Q(is_superuser=True)
        | Q(groups__permissions__codename="change_conflict")
        | Q(user_permissions__codename="change_conflict")
    )
    within = Q(tenant_limits=None) | Q(tenant_limits__tenant_id=conflict.tenant_id)
    found = User.objects.filter(may, within, is_active=True, is_staff=True).distinct().order_by("username")
    names = [(user.get_username(), told(user)) for user in found[:MOST_REVIEWERS]]
    return [("", "nobody"), *names]


def told(user: User) -> str:
    name, username = user.get_full_name(), user.get_username()
    return f"{name} ({username})" if name else username


#: Buttons of the page's head; deciding ones stand at its foot.
HEAD = ("take", "assign", "snooze", "wake", "hold", "unhold", "undo", "restore")


def head_buttons(conflict: Conflict) -> list[dict[str, str]]:
    return [
        {"label": verb.label, "icon": verb.icon, "dialog": f"verb-{verb.name}"}
        for verb in available(conflict)
        if verb.name in HEAD
    ]
