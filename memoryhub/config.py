"""The hub's settings: one YAML file and the environment, typed and checked at start.

``memory_config.yaml`` (or the file named by ``MEMORYHUB_CONFIG``) holds sections and keys as
written below; ``MEMORYHUB_<SECTION>__<KEY>`` in the environment overrides a single key. A few
plain variables that scripts rely on (``PORT``, ``DATABASE_URL``, …) stand beside them.
"""

from __future__ import annotations

import difflib
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from memoryhub.config_procedures import Procedures
from memoryhub.config_sections import (
    ROOT,
    Access,
    Agents,
    Database,
    Jobs,
    Lifecycle,
    Limits,
    Notices,
    Ranking,
    Rates,
    Search,
    Server,
    Sync,
)

__all__ = ["ROOT", "Config", "ConfigError", "get_config"]

ENV_PREFIX = "MEMORYHUB_"
PLAIN_VARIABLES = {
    "PORT": ("server", "port"),
    "MEMORYHUB_HOME": ("server", "home"),
    "DATABASE_URL": ("database", "url"),
    "MIGRATION_DATABASE_URL": ("database", "migration_url"),
    "SYSTEM_DATABASE_URL": ("database", "system_url"),
    "MEMORY_SYNC_INTERVAL": ("agents", "sync_interval_seconds"),
    "MEMORY_LOCK_TIMEOUT": ("agents", "lock_seconds"),
    "CONFLICT_RESOLUTION_STRATEGY": ("agents", "conflict_strategy"),
}
#: ``ALDEN_MEMORY_RETENTION_DAYS=90``: the retention of the agent "alden"
RETENTION_VARIABLE = re.compile(r"(?!MEMORYHUB_)(\w+)_MEMORY_RETENTION_DAYS")
#: Set by the hub for its own processes; not settings.
INTERNAL_VARIABLES = {"MEMORYHUB_CONFIG", "MEMORYHUB_DB_ROLE", "MEMORYHUB_SECRET_KEY", "MEMORYHUB_KEY_PEPPER"}


class ConfigError(Exception):
    """The configuration is wrong; the message names the setting and what is allowed."""


class Config(BaseSettings):
    """All sections; unknown keys are refused."""

    model_config = SettingsConfigDict(extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__")
    #: Django's settings ask every value for this; to find that it is missing takes ten times as long.
    _mask_wrapped: ClassVar[bool] = True

    server: Server = Field(default_factory=Server)
    database: Database = Field(default_factory=Database)
    limits: Limits = Field(default_factory=Limits)
    rates: Rates = Field(default_factory=Rates)
    access: Access = Field(default_factory=Access)
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)
    sync: Sync = Field(default_factory=Sync)
    agents: Agents = Field(default_factory=Agents)
    notices: Notices = Field(default_factory=Notices)
    procedures: Procedures = Field(default_factory=Procedures)
    search: Search = Field(default_factory=Search)
    ranking: Ranking = Field(default_factory=Ranking)
    jobs: Jobs = Field(default_factory=Jobs)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # plain variables (init) win over MEMORYHUB_* which win over the file
        return (init_settings, env_settings, FileSource(settings_cls))


class FileSource(PydanticBaseSettingsSource):
    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return read_file(config_path())


def config_path() -> Path:
    return Path(os.environ.get("MEMORYHUB_CONFIG") or ROOT / "memory_config.yaml")


def read_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        if "MEMORYHUB_CONFIG" in os.environ:
            raise ConfigError(f"MEMORYHUB_CONFIG names {path}, which does not exist. Create it or unset the variable.")
        return {}
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold sections such as 'server:' or 'limits:', not a {type(data).__name__}.")
    # a section whose keys are all commented out
    return {name: {} if section is None else section for name, section in data.items()}


def retention_variables() -> dict[str, str]:
    """The variables that name an agent's retention, by the agent's name in lower case."""
    found = {RETENTION_VARIABLE.fullmatch(variable): variable for variable, value in os.environ.items() if value}
    return {match[1].lower(): variable for match, variable in found.items() if match}


def plain_values() -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    if retentions := retention_variables():
        values["agents"] = {"retention_days": {name: os.environ[at] for name, at in retentions.items()}}
    for variable, (section, key) in PLAIN_VARIABLES.items():
        if os.environ.get(variable):
            values.setdefault(section, {})[key] = os.environ[variable]
    return values


def known_names() -> dict[str, set[str]]:
    return {name: set(field.annotation.model_fields) for name, field in Config.model_fields.items()}  # type: ignore[union-attr]


def known_beside(path: list[str]) -> set[str]:
    """The keys that are known where the last one of ``path`` was written."""
    model: Any = Config
    for name in path[:-1]:
        field = getattr(model, "model_fields", {}).get(name)
        model = field.annotation if field else None
    return set(getattr(model, "model_fields", {}))


def nearest(word: str, known: set[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.0)
    return f"did you mean '{close[0]}'?" if close else "see the configuration page in docs/."


def check_environment() -> None:
    names = known_names()
    for variable in os.environ:
        if not variable.startswith(ENV_PREFIX) or variable in PLAIN_VARIABLES or variable in INTERNAL_VARIABLES:
            continue
        section, _, key = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        if section not in names or key.partition("__")[0] not in names[section]:
            allowed = {f"{ENV_PREFIX}{s}__{k}".upper() for s, keys in names.items() for k in keys} | set(
                PLAIN_VARIABLES
            )
            raise ConfigError(f"Unknown setting {variable} in the environment: {nearest(variable, allowed)}")


def explain(error: ValidationError) -> str:
    """One line per wrong setting: where it is, what is wrong, what is allowed."""
    lines = []
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        if item["type"] == "extra_forbidden":
            hint = nearest(path[-1], known_beside(path))
            lines.append(f"Unknown setting '{'.'.join(path)}': {hint}")
        else:
            lines.append(f"Setting {named(path)} is wrong: {item['msg']}{shown(path, item['input'])}.")
    return "\n".join(lines)


def named(path: list[str]) -> str:
    """The setting as it is written in the file, with the plain variable that may have set it."""
    variable = next((v for v, place in PLAIN_VARIABLES.items() if list(place) == path and os.environ.get(v)), None)
    if path[:2] == ["agents", "retention_days"]:
        variable = retention_variables().get(path[-1])
    return f"'{'.'.join(path)}'" + (f" (from {variable})" if variable else "")


def shown(path: list[str], value: object) -> str:
    # an address is not shown either: somebody may have written a password into it
    secret = path[0] == "database" or "secrets" in path or path[-1].endswith(("secret", "key", "url", "remote"))
    return "" if secret or not isinstance(value, str | int | float | list) else f" (got {value!r})"


@lru_cache(maxsize=1)
def get_config() -> Config:
    """The checked configuration of this process. Raises ConfigError with a message for humans."""
    check_environment()
    try:
        return Config(**plain_values())  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(explain(error)) from error
    except SettingsError as error:
        raise ConfigError(
            f'{error}. In the environment a list or a section is written as JSON: \'["a", "b"]\'.'
        ) from error
