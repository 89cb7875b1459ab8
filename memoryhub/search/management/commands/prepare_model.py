"""``manage.py prepare_model``: makes the embedding model's file, once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from memoryhub.config import get_config
from memoryhub.search.embeddings import ModelPackagesMissing
from memoryhub.search.embeddings.preparation import prepare


class Command(BaseCommand):
    help = "Prepares the bundled embedding model below the hub's home folder. Safe to repeat; needs no database."
    requires_system_checks = []
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        config = get_config()
        if config.search.embedder != "local":
            chosen = config.search.embedder
            self.stdout.write(f"Nothing to prepare: search.embedder is '{chosen}', which uses no model file.")
            return
        try:
            prepare(config.server.home, self.stdout.write)
        except ModelPackagesMissing as error:
            # not a failure: the hub runs without the model
            self.stderr.write(str(error))
        except OSError as error:
            message = f"The embedding model cannot be written: {error}. Check space and rights of {config.server.home}."
            raise CommandError(message) from error
