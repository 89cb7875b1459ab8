"""``manage.py import_transcripts FILES… --tenant T``: conversations from files become sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from sessions_app.transcripts import files, importing
from sessions_app.transcripts.records import BadRecord, Conversation, Problem

NAME = "import_transcripts"


@dataclass
class Result:
    conversations: int = 0
    messages: int = 0
    added: int = 0
    skipped: list[Problem] = field(default_factory=list)


class Command(BaseCommand):
    help = (
        "Imports conversations: chats with roles (JSON, JSON Lines), ChatGPT's export, LoCoMo, users with items; "
        "gzipped or not. Running it again adds only what is missing. Bad records are reported and skipped; "
        "the exit code is 1 when there were any."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, help="The tenant that gets them; made where missing.")
        parser.add_argument("--user", help="Whose conversations they are, where the file does not say.")
        parser.add_argument("--agent", help="The agent that held them; made where missing.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            principal = caller(options["tenant"], options["agent"], options["user"])
        except HubError as error:
            raise CommandError(error.message) from error
        result = Result()
        for path in options["files"]:
            self.import_file(path, principal, result)
        self.stdout.write(
            f"{result.conversations} conversations with {result.messages} messages are in the hub; "
            f"{result.added} messages were added now."
        )
        if result.skipped:
            raise CommandError(f"{len(result.skipped)} records were skipped; the lines above say which and why.")

    def import_file(self, path: Path, principal: Principal, result: Result) -> None:
        found = list(files.read(path))
        self.skip([item for item in found if isinstance(item, Problem)], result)
        wanted = [item for item in found if isinstance(item, Conversation) and item.messages]
        total = sum(len(conversation.messages) for conversation in wanted)
        # shown on terminals only
        with tqdm(total=total, desc=path.name, unit=" messages", disable=None) as bar:
            for conversation in wanted:
                self.import_one(conversation, principal, result, bar)

    def import_one(self, conversation: Conversation, principal: Principal, result: Result, bar: Any) -> None:
        try:
            done = importing.put(conversation, principal=principal, progress=bar.update)
        except (BadRecord, HubError) as error:
            self.skip([Problem(conversation.place, str(error))], result)
            return
        result.conversations += 1
        result.messages += done.messages
        result.added += done.added

    def skip(self, problems: Iterable[Problem], result: Result) -> None:
        for problem in problems:
            tqdm.write(f"skipped {problem}", file=self.stderr)
            result.skipped.append(problem)


def caller(tenant: str, agent: str | None, user: str | None) -> Principal:
    system = system_principal(NAME, tenant)
    tenants.ensure(principal=system_principal(NAME), tenant_id=tenant)
    if agent:
        agents.ensure(principal=system, tenant_id=tenant, agent_id=agent)
    return replace(system, agent_id=agent, named_user=user)
