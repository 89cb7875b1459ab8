"""The search model in the admin: which one answers searches, which one is on its way, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from memoryhub.access.admin.base import ReadOnlyAdmin, sees_all_tenants
from memoryhub.access.admin.cells import moment_cell, prose_cell, text_cell
from memoryhub.access.admin.verbs import Call, Verb, VerbsMixin
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import space_changes
from memoryhub.search.services.spaces import State, Wanted

LABELS = {
    "Being built": "info",
    "Paused": "warning",
    "Ready": "primary",
    "Active": "success",
    "Former": "default",
    "Failed": "danger",
    "Removed": "default",
}
MEANINGS = {
    State.BUILDING: "Everything is being embedded by it. Searches go on with the active model meanwhile.",
    State.PAUSED: "Nothing is embedded by it until somebody resumes it. Searches go on with the active model.",
    State.READY: "Everything is embedded by it. Searches use it when somebody switches to it.",
    State.ACTIVE: "Searches by meaning are answered by it.",
    State.RETIRED: "It is not used any more. Until its vectors are removed, it is possible to go back to it.",
    State.FAILED: "It could not be completed, so searches do not use it. See what went wrong, then resume or cancel.",
    State.DROPPED: "Its vectors are removed. Building it again embeds everything anew.",
}


def verb_of(service: Callable[..., VectorSpace], done: str) -> Callable[[Call], str]:
    def run(call: Call) -> str:
        row = service(principal=call.principal, space_id=call.object.pk)
        return f"{row.name}: {done}"

    return run


def build_again(call: Call) -> str:
    found: VectorSpace = call.object
    wanted = Wanted(found.kind, found.settings, found.context_words)
    return f"{space_changes.start(principal=call.principal, wanted=wanted).name}: it is being built."


def in_state(*states: State) -> Callable[[VectorSpace], bool]:
    return lambda row: row.state in states


def may_start(row: VectorSpace) -> bool:
    return row.state in (State.RETIRED, State.DROPPED) and not space_changes.is_former(row)


VERBS = (
    Verb(
        "pause",
        "Pause",
        "Building stops after the rows in hand. Searches are not affected. Resuming looks through all rows again, and "
        "embeds those alone that lack a vector.",
        verb_of(space_changes.pause, "paused."),
        available=in_state(State.BUILDING),
        reason="none",
        icon="pause",
    ),
    Verb(
        "resume",
        "Resume",
        "Rows that lack a vector of this model are embedded in the background. Searches are not affected meanwhile.",
        verb_of(space_changes.resume, "it is being built."),
        available=in_state(State.PAUSED, State.FAILED),
        reason="none",
        icon="play_arrow",
    ),
    Verb(
        "switch",
        "Switch to it",
        "Searches use this model from now on. The one in use now is kept for some days, so that you can go back.",
        verb_of(space_changes.switch, "searches use it now."),
        available=in_state(State.READY),
        reason="none",
        icon="switch_access_shortcut",
    ),
    Verb(
        "roll-back",
        "Go back to it",
        "What was stored since it was left is embedded first, then searches use this model again.",
        verb_of(space_changes.roll_back, "searches use it again as soon as it has what it missed."),
        available=space_changes.is_former,
        reason="none",
        icon="undo",
    ),
    Verb(
        "start",
        "Build again",
        "Everything is embedded by this model in the background; then searches use it.",
        build_again,
        available=may_start,
        reason="none",
        icon="replay",
    ),
    Verb(
        "cancel",
        "Cancel",
        "It is given up and its vectors are removed. Searches are not affected.",
        verb_of(space_changes.cancel, "cancelled."),
        available=in_state(State.BUILDING, State.PAUSED, State.READY, State.FAILED),
        reason="none",
        danger=True,
        icon="close",
    ),
)


@admin.register(VectorSpace)
class VectorSpaceAdmin(VerbsMixin, ReadOnlyAdmin):
    list_display = ["shown_name", "shown_state", "progress", "asked", "since", "problem"]
    list_before_template = "search/spaces_before.html"
    fields = [
        ("shown_name", "shown_state"),
        "meaning",
        "progress",
        "problem",
        ("embedder", "dimension", "context_words"),
        ("asked", "since"),
        ("ended", "removed"),
        "switches",
    ]
    readonly_fields = [
        "shown_name", "shown_state", "meaning", "progress", "problem", "asked", "since", "ended", "removed", "switches",
    ]  # fmt: skip
    verbs = VERBS
    change_form_template = "hub/verb_page.html"

    def may_change(self, request: HttpRequest, found: Model) -> bool:
        return super().may_change(request, found) and sees_all_tenants(request)

    # What went wrong may quote a memory of any tenant.
    def get_list_display(self, request: HttpRequest) -> list[str]:
        shown = super().get_list_display(request)
        return [name for name in shown if name != "problem" or sees_all_tenants(request)]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        shown = super().get_fields(request, obj)
        return [name for name in shown if name != "problem" or sees_all_tenants(request)]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        buttons = self.buttons(request, row) if row is not None else []
        shown: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "buttons": buttons}
        )
        return shown

    @display(description="Model and recipe", ordering="name")
    def shown_name(self, row: VectorSpace) -> SafeString:
        words = f"{row.context_words} words before a message" if row.context_words else "messages alone"
        below = f"{row.dimension:,} numbers a vector, {words}"
        return format_html('{}<span class="hub-below">{}</span>', text_cell(row.name, 70), below)

    @display(description="State", ordering="state", label=LABELS)
    def shown_state(self, row: VectorSpace) -> str:
        return str(row.get_state_display())

    @display(description="What that means")
    def meaning(self, row: VectorSpace) -> str:
        return MEANINGS[State(row.state)]

    @display(description="Progress")
    def progress(self, row: VectorSpace) -> SafeString | str:
        if row.state not in (*space_changes.COMING, State.FAILED):
            return "–"
        share = percent(row)
        bar = '<progress class="hub-progress" max="100" value="{}" aria-label="{} % embedded"></progress>'
        text = '<span class="hub-below">{} % · {} of {} rows{}</span>'
        done, total = f"{min(row.done, row.total):,}", f"{row.total:,}"
        return format_html(bar + text, share, share, share, done, total, pace(row))

    @display(description="Asked for")
    def asked(self, row: VectorSpace) -> SafeString:
        by = f"by {row.asked_by}" if row.asked_by != "configuration" else "by the configuration"
        return format_html('{}<span class="hub-below">{}</span>', moment_cell(row.asked_at), by)

    @display(description="Searches use it since")
    def since(self, row: VectorSpace) -> SafeString:
        return moment_cell(row.started_at, "not yet")

    @display(description="Left or cancelled")
    def ended(self, row: VectorSpace) -> SafeString:
        return moment_cell(row.ended_at)

    @display(description="Vectors are removed")
    def removed(self, row: VectorSpace) -> SafeString:
        return moment_cell(row.drop_at)

    @display(description="What went wrong")
    def problem(self, row: VectorSpace) -> SafeString:
        return prose_cell(row.error, "nothing")

    @display(description="When it is complete")
    def switches(self, row: VectorSpace) -> str:
        return "Searches switch to it by themselves." if row.switch_by_itself else "Somebody switches to it."


def percent(row: VectorSpace) -> int:
    return min(100, row.done * 100 // row.total) if row.total else 0


def pace(row: VectorSpace) -> str:
    """Rows per second, and how long the rest takes at that."""
    if not row.rate or row.state != State.BUILDING:
        return ""
    left = timedelta(seconds=round(max(row.total - row.done, 0) / row.rate))
    return f" · {row.rate:,.0f} rows/s, {left} left"
