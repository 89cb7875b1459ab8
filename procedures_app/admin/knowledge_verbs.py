"""What staff can do to one piece of knowledge, each with one service call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memoryhub.access.admin.verbs import Call, Verb
from memoryhub.access.exceptions import Invalid
from memoryhub.registry.admin.entry_verbs import never_shown, whole_number
from procedures_app.models import Knowledge
from procedures_app.services import curation, solutions


def verify(call: Call) -> str:
    curation.verify(call.object.pk, principal=call.principal, reason=call.reason)
    return "Verified: agents are told that a person confirmed it."


def unverify(call: Call) -> str:
    curation.verify(call.object.pk, principal=call.principal, verified=False, reason=call.reason)
    return "It is not verified any more."


def archive(call: Call) -> str:
    curation.archive(call.object.pk, principal=call.principal, reason=call.reason)
    return "Archived: agents are not given it any more. Restore a version to bring it back."


def restore_version(call: Call) -> str:
    restored = curation.restore(
        call.object.pk,
        whole_number(call, "version"),
        principal=call.principal,
        # what was on the page: who restores meant to replace that
        if_version=whole_number(call, "shown"),
        reason=call.reason,
    )
    return f"Version {call.fields['version']} is back, as version {restored.version}."


def retire_solution(call: Call) -> str:
    solutions.change(solution_of(call), principal=call.principal, retired=True, reason=call.reason)
    return "The solution is retired: agents are not given it any more. Its counts are kept."


def reactivate_solution(call: Call) -> str:
    solutions.change(solution_of(call), principal=call.principal, retired=False, reason=call.reason)
    return "Agents are given the solution again."


def verify_solution(call: Call) -> str:
    solutions.change(solution_of(call), principal=call.principal, verified=True, reason=call.reason)
    return "The solution is verified. Where two are about as good, agents are given it first."


def solution_of(call: Call) -> UUID:
    """The solution that the form names, which has to be one of this page's."""
    try:
        named = UUID(call.fields.get("solution", ""))
    except ValueError as error:
        raise Invalid("solution", "Open the page again and choose a solution from its list.") from error
    knowledge: Knowledge = call.object
    if not knowledge.solutions.filter(pk=named).exists():
        raise Invalid("solution", "It is not a solution of this any more. Open the page again.")
    return named


def is_active(knowledge: Any) -> bool:
    return bool(knowledge.status == Knowledge.Status.ACTIVE)


def beside_a_row(name: str, label: str, run: Any, reason: str = "optional") -> Verb:
    """Its button stands beside each solution or version, with a dialog of its own."""
    return Verb(name, label, "", run, reason=reason, available=never_shown)


RESTORE_VERSION = beside_a_row("restore-version", "Restore this version", restore_version)
RETIRE_SOLUTION = beside_a_row("retire-solution", "Retire the solution", retire_solution, "required")
REACTIVATE_SOLUTION = beside_a_row("reactivate-solution", "Use the solution again", reactivate_solution)
VERIFY_SOLUTION = beside_a_row("verify-solution", "Verify the solution", verify_solution)
BESIDE_ROWS = (RESTORE_VERSION, RETIRE_SOLUTION, REACTIVATE_SOLUTION, VERIFY_SOLUTION)
VERBS = (
    Verb(
        "verify",
        "Verify",
        "Says in your name that it is right. Agents are told so.",
        verify,
        available=lambda knowledge: is_active(knowledge) and not knowledge.verified_by,
        icon="verified",
    ),
    Verb(
        "unverify",
        "Take back verification",
        "Agents are not told any more that a person confirmed it.",
        unverify,
        available=lambda knowledge: is_active(knowledge) and bool(knowledge.verified_by),
        icon="remove_done",
    ),
    Verb(
        "archive",
        "Archive",
        "Agents are not given it any more; the same error makes a new problem. A version of it can be restored.",
        archive,
        reason="required",
        danger=True,
        available=is_active,
        icon="archive",
    ),
    *BESIDE_ROWS,
)
