"""What the page of one entry shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from memoryhub.access.models import Grant
from memoryhub.registry.admin import panels
from memoryhub.registry.diffs import Difference, Piece, compare, json_type, words
from memoryhub.registry.models import AccessRecord, ContextEntry, EntryLock, EntryVersion, EphemeralEntry, Relationship

VERSIONS_SHOWN = 20
READS_SHOWN = 10
LINKS_SHOWN = 25
#: Versions to compare, in the address: ``?compare=3&with=5``.
FROM, TO, BEFORE = "compare", "with", "before"


@dataclass(frozen=True, slots=True)
class Line:
    """One path of a comparison, with the words of both texts where they are texts."""

    difference: Difference
    pieces: list[Piece]

    @property
    def says(self) -> str:
        """In words, for those who do not see colors."""
        found = self.difference
        if found.type_changed:
            return f"changed from {json_type(found.old)} to {json_type(found.new)}"
        return found.kind


@dataclass(frozen=True, slots=True)
class Comparison:
    old: EntryVersion
    new: EntryVersion
    value: list[Line]
    metadata: list[Line]
    attributes: list[Line]

    @property
    def nothing(self) -> bool:
        return not (self.value or self.metadata or self.attributes)

    @property
    def parts(self) -> list[tuple[str, list[Line]]]:
        found = [("Value", self.value), ("Attributes", self.attributes), ("Metadata", self.metadata)]
        return [(title, lines) for title, lines in found if lines]


def context(entry: ContextEntry, request: HttpRequest) -> dict[str, Any]:
    """For the template ``registry/entry.html``. Lists that the user may not see are None."""
    versions = entry.versions.order_by("-version").defer("value", "metadata", "attributes")
    before = number(request.GET.get(BEFORE))
    shown = list((versions.filter(version__lt=before) if before else versions)[: VERSIONS_SHOWN + 1])
    return {
        "entry": entry,
        "state": state_of(entry),
        "attributes": attributes(entry),
        "versions": shown[:VERSIONS_SHOWN],
        "older": shown[VERSIONS_SHOWN - 1].version if len(shown) > VERSIONS_SHOWN else None,
        "comparison": comparison(entry, request),
        "panels": panels.of(request, entry),
        "links": links(entry),
        "lock": EntryLock.objects.filter(pk=entry.pk).held().first()
        if sees(request, "registry.view_entrylock")
        else None,
        "children": list(entry.children.only("key", "layer")[:LINKS_SHOWN]),
        "grants": list(Grant.objects.filter(entry_id=entry.pk)) if sees(request, "access.view_grant") else None,
        "reads": recent_reads(entry) if sees(request, "registry.view_accessrecord") else None,
    }


def sees(request: HttpRequest, permission: str) -> bool:
    return bool(request.user.has_perm(permission))


def number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def state_of(entry: ContextEntry) -> str:
    if entry.deleted_at is not None:
        return "deleted"
    if entry.archived_at is not None:
        return "archived"
    return "held" if entry.legal_hold else "live"


def attributes(entry: ContextEntry | EphemeralEntry) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Columns in groups; times as datetimes, everything else as text."""
    groups: list[tuple[str, list[tuple[str, Any]]]] = [
        (
            "Whose it is",
            [
                ("Scope", entry.get_scope_display()),
                ("Tenant", entry.tenant_id or "all tenants"),
                ("User", entry.user_id),
                ("Session", entry.session_id),
                ("Agent", entry.agent_id),
                ("Author of this version", entry.author),
                ("Source", entry.source),
            ],
        ),
        ("What it is", [("Category", entry.category), ("Priority", entry.get_priority_display())]),
        (
            "Life",
            [
                ("Layer", entry.get_layer_display()),
                ("Created", entry.created_at),
                ("Changed", entry.updated_at),
                ("Ends", entry.expires_at or "never"),
                ("Last read", entry.last_accessed_at or "not yet"),
                ("Reads", f"{entry.access_count:,}"),
            ],
        ),
    ]
    if isinstance(entry, ContextEntry):
        groups[0][1].append(("Stored in session", entry.origin_session))
        groups[1][1].extend(described(entry))
        groups[2][1].extend(lived(entry))
    return [(title, [(name, value) for name, value in rows if value not in (None, "")]) for title, rows in groups]


def described(entry: ContextEntry) -> list[tuple[str, Any]]:
    return [
        ("Type", entry.get_memory_type_display()),
        ("Importance", f"{entry.importance:.2f}"),
        ("Trust", f"{entry.trust:.2f}"),
        ("Tags", ", ".join(entry.tags)),
        ("Encrypted", "yes" if entry.encrypted else None),
    ]


def lived(entry: ContextEntry) -> list[tuple[str, Any]]:
    return [
        ("Reinforced", f"{entry.reinforcements:,}"),
        ("Stability", f"{entry.stability:.2f}"),
        ("Archived", entry.archived_at),
        ("Deleted", entry.deleted_at),
        ("Legal hold", "yes: nobody can delete it" if entry.legal_hold else None),
    ]


def comparison(entry: ContextEntry, request: HttpRequest) -> Comparison | None:
    """Of the two versions that the address names, the older first."""
    named = [number(request.GET.get(FROM)), number(request.GET.get(TO))]
    found = {version.version: version for version in entry.versions.filter(version__in=[n for n in named if n])}
    if None in named or len(found) != 2:
        return None
    old, new = (found[n] for n in sorted(found))
    return Comparison(
        old,
        new,
        lines(compare(old.value, new.value)),
        lines(compare(old.metadata, new.metadata)),
        lines(compare(old.attributes, new.attributes)),
    )


def lines(found: Iterable[Difference]) -> list[Line]:
    return [Line(each, words(each.old, each.new) if each.is_text else []) for each in found]


def links(entry: ContextEntry) -> list[Relationship]:
    rows: QuerySet[Relationship] = Relationship.objects.filter(source=entry) | Relationship.objects.filter(target=entry)
    columns = ["relationship_type", "strength", "author", "source__key", "target__key"]
    return list(rows.select_related("source", "target").only(*columns).order_by("-strength")[:LINKS_SHOWN])


def lock_of(entry: ContextEntry) -> EntryLock | None:
    held: EntryLock | None = EntryLock.objects.filter(pk=entry.pk).held().first()
    return held


def recent_reads(entry: ContextEntry) -> list[AccessRecord]:
    return list(AccessRecord.objects.filter(entry_id=entry.pk).order_by("-timestamp")[:READS_SHOWN])
