"""What the staff does with an approval beside deciding it: take it, give it to somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse

from memoryhub.access.admin.verbs import Call, Verb
from procedures_app.models import Approval
from procedures_app.services import approval_desk

MOST_PEOPLE = 200


def take(call: Call) -> str:
    approval_desk.assign(call.object.pk, principal=call.principal, username=call.principal.name)
    return "It is yours now."


def assign(call: Call) -> str:
    username = call.fields.get("assignee", "")
    approval_desk.assign(call.object.pk, principal=call.principal, username=username or None)
    return f"{username} has it now." if username else "Nobody has it now."


def is_pending(approval: Approval) -> bool:
    return approval.status == Approval.Status.PENDING


TAKE = Verb("take", "Take it", "It is assigned to you.", take, reason="none", icon="front_hand",
            available=lambda found: is_pending(found) and found.assignee_id is None)  # fmt: skip
ASSIGN = Verb("assign", "Assign", "Who decides this?", assign, reason="none", available=is_pending, icon="person_add")
VERBS = (TAKE, ASSIGN)


@dataclass(frozen=True, slots=True)
class Dialog:
    verb: Verb
    url: str
    people: list[tuple[str, str]]

    @property
    def id(self) -> str:
        return f"verb-{self.verb.name}"


def dialogs_of(approval: Approval) -> list[Dialog]:
    """For ``procedures/approval.html``."""
    return [
        Dialog(
            verb,
            reverse("admin:procedures_app_approval_verb", args=[approval.pk, verb.name]),
            people_of(approval) if verb is ASSIGN else [],
        )
        for verb in VERBS
        if verb.available(approval)
    ]


def people_of(approval: Approval) -> list[tuple[str, str]]:
    """Who may decide approvals of that tenant, by name; first nobody."""
    may: Any = Q(is_superuser=True)
    for way in ("groups__permissions", "user_permissions"):
        may |= Q(**{f"{way}__codename": "change_approval"})
    within = Q(tenant_limits=None) | Q(tenant_limits__tenant_id=approval.tenant_id)
    found = User.objects.filter(may, within, is_active=True, is_staff=True).distinct().order_by("username")
    return [("", "nobody"), *((user.get_username(), told(user)) for user in found[:MOST_PEOPLE])]


def told(user: User) -> str:
    name, username = user.get_full_name(), user.get_username()
    return f"{name} ({username})" if name else username
