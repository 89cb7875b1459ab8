"""What staff can do to one entry, each with one service call."""

from __future__ import annotations

from typing import Any

from memoryhub.access.admin.verbs import Call, Verb
from memoryhub.access.exceptions import Invalid
from memoryhub.access.texts import absolute
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import deletion, lifecycle, versions


def about(call: Call) -> dict[str, Any]:
    """What every service of an entry wants to know."""
    return {"principal": call.principal, "reason": call.reason}


def archive(call: Call) -> str:
    lifecycle.archive(call.object.pk, **about(call))
    return "Archived. Searches and reads leave it out unless they ask for archived entries."


def unarchive(call: Call) -> str:
    lifecycle.unarchive(call.object.pk, **about(call))
    return "Brought back from the archive."


def hold(call: Call) -> str:
    lifecycle.hold(call.object.pk, on=True, **about(call))
    return "Under legal hold: nothing ends, deletes or erases it until the hold is lifted."


def release(call: Call) -> str:
    lifecycle.hold(call.object.pk, on=False, **about(call))
    return "The legal hold is lifted."


def delete(call: Call) -> str:
    gone = deletion.delete(call.object.pk, **about(call))
    until = gone.restorable_until
    return "Deleted." if until is None else f"Deleted. It can be restored until {absolute(until)} UTC."


def erase(call: Call) -> str:
    deletion.erase(call.object.pk, **about(call))
    return "Erased: the entry, its versions and every copy are gone. The audit trail keeps version numbers and digests."


def undelete(call: Call) -> str:
    stored = versions.restore(call.object.pk, **about(call))
    return f"Restored as version {stored.sync_version}."


def restore_version(call: Call) -> str:
    stored = versions.restore(
        call.object.pk,
        version=whole_number(call, "version"),
        # what was on the page: who restores meant to replace that
        if_version=whole_number(call, "shown"),
        **about(call),
    )
    return f"Version {call.fields['version']} is back, as version {stored.sync_version}."


def whole_number(call: Call, name: str) -> int:
    text = call.fields.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(name, "Open the page again and choose a version from its list.")
    return int(text)


def is_live(entry: ContextEntry) -> bool:
    return entry.deleted_at is None and entry.archived_at is None


def is_archived(entry: ContextEntry) -> bool:
    return entry.deleted_at is None and entry.archived_at is not None


def is_deleted(entry: ContextEntry) -> bool:
    return entry.deleted_at is not None


def never_shown(entry: ContextEntry) -> bool:
    """Its button stands beside each version instead."""
    return False


RESTORE_VERSION = Verb(
    "restore-version",
    "Restore this version",
    "Makes the old version the newest one. The versions in between stay in the history.",
    restore_version,
    available=never_shown,
)
VERBS = (
    Verb("archive", "Archive", "Takes the entry out of everyday sight. It can be brought back at any time.", archive,
         available=is_live, icon="archive"),
    Verb("unarchive", "Bring back", "Puts the entry back into everyday sight.", unarchive,
         available=is_archived, icon="unarchive"),
    Verb("hold", "Hold", "Puts a legal hold on the entry: nothing ends, deletes or erases it.", hold, "delete",
         "required", available=lambda entry: not entry.legal_hold, icon="lock"),
    Verb("release", "Lift hold", "Lifts the legal hold: the entry ends and can be deleted as its layer says.", release,
         "delete", "required", available=lambda entry: entry.legal_hold, icon="lock_open"),
    Verb("undelete", "Restore", "Brings the entry back as it was when it was deleted.", undelete,
         available=is_deleted, icon="restore_from_trash"),
    Verb("delete", "Delete", "Takes the entry out of sight. It can be restored for a while; a permanent entry needs a "
         "reason.", delete, "delete", danger=True, available=lambda entry: not is_deleted(entry), icon="delete"),
    Verb("erase", "Erase", "Removes the entry, its versions and every copy of its value, for good. Nobody can undo "
         "this.", erase, "delete", "required", danger=True, icon="delete_forever"),
    RESTORE_VERSION,
)  # fmt: skip
