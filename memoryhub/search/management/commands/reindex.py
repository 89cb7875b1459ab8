"""``manage.py reindex``: makes the words of the index anew, and the vectors that are missing."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memoryhub.access.principals import system_principal
from memoryhub.search.services import index, vocabulary
from memoryhub.search.services.spaces import active_space

#: What preparing and loading the model may take.
WAIT_SECONDS = 120.0


class Command(BaseCommand):
    help = (
        "Makes the words of the search index anew (after a tenant's text search configuration changed) and the "
        "vectors that are missing. The hub may run meanwhile. Safe to interrupt and to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="Only this tenant.")
        parser.add_argument("--words-only", action="store_true", help="Leave the vectors alone.")
        parser.add_argument("--vectors-only", action="store_true", help="Leave the words alone.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["words_only"] and options["vectors_only"]:
            raise CommandError("Choose --words-only or --vectors-only, not both.")
        for tenant in index.tenants_indexed(options["tenant"]):
            if not options["vectors_only"]:
                self.words(tenant)
                self.vocabulary(tenant)
            if not options["words_only"]:
                self.vectors(tenant)

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
