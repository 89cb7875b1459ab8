"""The settings as a page and as an example file, both written from ``memoryhub.config``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from memoryhub.config import PLAIN_VARIABLES, ROOT, Config

PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "memory_config.example.yaml"
LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}

INTRODUCTION = """\
# Configuration

<!-- Written by `manage.py document_settings` from memoryhub/config_sections.py: change it there. -->

Everything has a default; a hub runs without any configuration. Settings come from three places,
the later wins:

1. `memory_config.yaml` beside `manage.py`, or the file that `MEMORYHUB_CONFIG` names.
   Copy `memory_config.example.yaml` and uncomment what you change.
2. `MEMORYHUB_<SECTION>__<KEY>` in the environment, such as `MEMORYHUB_SERVER__WORKERS=4`.
   Lists are written as JSON: `MEMORYHUB_SERVER__ALLOWED_HOSTS='["hub.example.org"]'`.
3. The plain variables below.

A wrong value or an unknown key stops the start with one line that names it, what is allowed,
or the nearest known key. Check without starting: `manage.py check`.

"""

SECRETS = """\
## Secrets and keys

`<home>/secrets.json` (mode 0600) holds what the hub makes for itself at the first start: Django's
secret key, the pepper of the API keys' hashes, the salt of the audit digests, and the password of the
system role on an external server. Keep a copy of it with your backups: without the pepper, no API
key of a restored hub is valid. `MEMORYHUB_SECRET_KEY` and `MEMORYHUB_KEY_PEPPER` in the environment
win over the file; set them on every host when several serve one database.

## The embedded database

Without `DATABASE_URL` the hub runs its own PostgreSQL 18 with pgvector, in `<home>/postgres`. It listens
on a unix socket only, in a folder of mode 0700; whoever can open that folder is the hub's own account
or root, so connections there need no password. Under root, which PostgreSQL refuses, the server runs as
the account `memoryhub-db`, made when missing; parents of the home that this account could not pass
get the right to pass through (not to list or read), and the start says so.
The server's settings follow the machine's memory; your own belong into `<home>/postgres/custom.conf`.

## Another PostgreSQL

Any PostgreSQL ≥ 16 with pgvector ≥ 0.8 does. Two roles are yours to make, the third the hub makes itself
where the owner may create roles:

```sql
CREATE ROLE hub_owner LOGIN CREATEROLE PASSWORD '…';
CREATE ROLE hub_app   LOGIN PASSWORD '…';
CREATE DATABASE hub OWNER hub_owner;
\\c hub
CREATE EXTENSION vector;
```
```sh
export DATABASE_URL=postgresql://hub_app:…@db.example.org/hub
export MIGRATION_DATABASE_URL=postgresql://hub_owner:…@db.example.org/hub
make run
```

The start checks version, extension and roles: the app's and the system's role may not be superuser,
bypass row-level security, or own tables, because they would see every tenant.

## Processes

`make run` starts a supervisor, and that starts everything else, each in a process group of its own:
the database, the web server, the jobs, the relay and the hourly maintenance. What ends is started
again, with growing pauses. Ctrl-C, SIGTERM and a closing terminal (SIGHUP) stop all in order, the database
last; a second Ctrl-C hurries. If the supervisor itself is killed with SIGKILL, a small warden process ends
the others (on Linux the kernel helps, by signalling them at once). `<home>/run/supervisor.json`
says what runs; `<home>/logs/hub.log` keeps what was printed, except first passwords and keys.
"""


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in Config.model_fields.items():
        assert isinstance(info.annotation, type)
        yield name, info.annotation


def default_of(info: FieldInfo) -> Any:
    value = info.default
    return value.relative_to(ROOT).as_posix() if isinstance(value, Path) else value


def shown_default(info: FieldInfo) -> str:
    value = default_of(info)
    if value is PydanticUndefined:
        return "required"
    return "unset" if value is None else f"`{json.dumps(value)}`"


def allowed(info: FieldInfo) -> str:
    """The limits of a value, in signs: ``≥ 1, ≤ 64``."""
    if get_origin(info.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(info.annotation))
    found = [f"{sign} {getattr(m, name)}" for m in info.metadata for name, sign in LIMITS.items() if hasattr(m, name)]
    patterns = [f"`{m.pattern}`" for m in info.metadata if getattr(m, "pattern", None)]
    return ", ".join([*found, *patterns])


def table(model: type[BaseModel]) -> Iterator[str]:
    yield from ("| key | default | allowed | meaning |", "|---|---|---|---|")
    for name, info in plain_fields(model):
        yield f"| `{name}` | {shown_default(info)} | {allowed(info)} | {info.description} |"


def plain_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    inner = dict(inner_sections(model))
    yield from ((name, info) for name, info in model.model_fields.items() if name not in inner)


def inner_sections(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield name, info.annotation


def nested(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, info in model.model_fields.items():
        for inner in get_args(info.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield name, inner


def plain_variables() -> Iterator[str]:
    yield from ("| variable | setting |", "|---|---|")
    yield from (f"| `{variable}` | `{section}.{key}` |" for variable, (section, key) in PLAIN_VARIABLES.items())
    yield "| `<AGENT>_MEMORY_RETENTION_DAYS` | `agents.retention_days`, for any agent; `ALDEN_MEMORY_RETENTION_DAYS` |"


def section_pages() -> Iterator[str]:
    for name, model in sections():
        yield from ("", f"## {name}", "", *table(model))
        for key, inner in inner_sections(model):
            yield from ("", f"### {name}.{key}", "", f"{model.model_fields[key].description}", "", *table(inner))
        for key, inner in nested(model):
            yield from ("", f"Each item of `{name}.{key}`:", "", *table(inner))


def page() -> str:
    """The whole of docs/configuration.md."""
    return INTRODUCTION + "\n".join([*plain_variables(), *section_pages()]) + "\n\n" + SECRETS


def example_lines() -> Iterator[str]:
    yield "# MemoryHub's settings with their defaults. Copy to memory_config.yaml, uncomment what you change."
    yield "# Explanations stand behind '# ', settings behind '#'. Limits: docs/configuration.md."
    for name, model in sections():
        yield from ("", f"{name}:")
        yield from example_keys(model, "  ")


def example_keys(model: type[BaseModel], margin: str) -> Iterator[str]:
    for key, info in plain_fields(model):
        yield f"{margin}# {info.description}"
        yield f"{margin}#{key}: {json.dumps(default_of(info))}"
    for key, inner in inner_sections(model):
        yield f"{margin}# {model.model_fields[key].description}"
        yield f"{margin}{key}:"
        yield from example_keys(inner, margin + "  ")


def example() -> str:
    """The whole of memory_config.example.yaml."""
    return "\n".join(example_lines()) + "\n"


def outdated() -> list[Path]:
    """Which of the two files differ from the settings as they are."""
    return [path for path, text in texts().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def texts() -> dict[Path, str]:
    return {PAGE: page(), EXAMPLE: example()}


def write() -> None:
    for path, text in texts().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
