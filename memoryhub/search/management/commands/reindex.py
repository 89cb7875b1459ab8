"""``manage.py reindex``: makes the words of the index anew and the vectors that are missing, and changes the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.search.models import VectorSpace
from memoryhub.search.services import building, index, space_changes, vocabulary
from memoryhub.search.services.spaces import State, active_space

#: What preparing and loading the model may take.
WAIT_SECONDS = 120.0


def of_space(verb: Callable[..., VectorSpace], *states: State) -> Callable[[Principal], VectorSpace]:
    """A verb on the one space that is in one of these states."""

    def run(principal: Principal) -> VectorSpace:
        row = VectorSpace.objects.filter(state__in=states).first()
        if row is None:
            raise CommandError("There is no space to do that with. See 'manage.py reindex --spaces'.")
        return verb(principal=principal, space_id=row.pk)

    return run


VERBS: dict[str, Callable[[Principal], VectorSpace]] = {
    "start": lambda principal: space_changes.start(principal=principal),
    "pause": of_space(space_changes.pause, State.BUILDING),
    "resume": of_space(space_changes.resume, State.PAUSED, State.FAILED),
    "switch": of_space(space_changes.switch, State.READY),
    "roll-back": lambda principal: space_changes.roll_back(principal=principal),
    "cancel": of_space(space_changes.cancel, *space_changes.COMING, State.FAILED),
}


class Command(BaseCommand):
    help = (
        "Makes the words of the search index anew (after a tenant's text search configuration changed) and the "
        "vectors that are missing. With --spaces it shows the search models, with --space it changes them: 'start' "
        "embeds everything for the configured model beside the one in use. The hub may run meanwhile. Safe to "
        "interrupt and to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="Only this tenant.")
        parser.add_argument("--words-only", action="store_true", help="Leave the vectors alone.")
        parser.add_argument("--vectors-only", action="store_true", help="Leave the words alone.")
        parser.add_argument("--spaces", action="store_true", help="Show the search models, and change nothing.")
        parser.add_argument("--space", choices=list(VERBS), help="Change the search model; the relay does the work.")
        parser.add_argument("--wait", action="store_true", help="With --space: do the work here, until it is done.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["spaces"] or options["space"]:
            self.spaces(options["space"], wait=options["wait"])
            return
        if options["words_only"] and options["vectors_only"]:
            raise CommandError("Choose --words-only or --vectors-only, not both.")
        for tenant in index.tenants_indexed(options["tenant"]):
            if not options["vectors_only"]:
                self.words(tenant)
                self.vocabulary(tenant)
            if not options["words_only"]:
                self.vectors(tenant)

    # -- search models --------------------------------------------------------------------------------

    def spaces(self, verb: str | None, *, wait: bool) -> None:
        principal = system_principal("reindex")
        if verb:
            try:
                VERBS[verb](principal)
            except HubError as error:
                raise CommandError(error.message) from error
        while wait and building.work(principal=principal):
            self.show()
        self.show()

    def show(self) -> None:
        for row in VectorSpace.objects.all():
            progress = f", {row.done:,} of {row.total:,} rows" if row.state in space_changes.COMING else ""
            self.stdout.write(f"{row.name}: {row.get_state_display().lower()}{progress}. {row.error}".rstrip())

    # -- words and vectors ----------------------------------------------------------------------------

    def words(self, tenant: str | None) -> None:
        principal = system_principal("reindex", tenant)
        steps = index.all_steps(lambda after: index.make_words(principal=principal, after=after))
        self.report(tenant, "words made", steps, 1000)

    def vocabulary(self, tenant: str | None) -> None:
        step = partial(vocabulary.learn_lacking, principal=system_principal("reindex", tenant))
        self.report(tenant, "rows read", index.all_steps(lambda after: step(after=after)), vocabulary.ROWS_AT_A_TIME)

    def vectors(self, tenant: str | None) -> None:
        space = active_space()
        if space is None:
            self.stdout.write("Vectors are left alone: search.embedder is 'off'.")
            return
        if not space.embedder.warm(WAIT_SECONDS):
            raise CommandError(space.embedder.problem or "The embedding model is still loading. Repeat in a minute.")
        step = partial(index.embed_lacking, principal=system_principal("reindex", tenant), space=space)
        self.report(tenant, "rows embedded", index.all_steps(lambda after: step(after=after)), index.ROWS_AT_A_TIME)

    def report(self, tenant: str | None, what: str, steps: Any, size: int) -> None:
        done = 0
        for _ in steps:
            done += size
            self.stdout.write(f"{tenant or 'global'}: up to {done} {what}", ending="\r")
        self.stdout.write(f"{tenant or 'global'}: {what}, done.")
