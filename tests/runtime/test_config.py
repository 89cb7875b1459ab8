"""The configuration: its sources, its errors, its documentation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from memoryhub.config import Config, ConfigError, get_config, known_names
from memoryhub.runtime import reference


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reads a configuration afresh from a file's text and variables."""

    def read(text: str = "", **variables: str) -> Config:
        path = tmp_path / "memory_config.yaml"
        path.write_text(text)
        for name in [name for name in os.environ if name.startswith("MEMORYHUB_")]:
            monkeypatch.delenv(name)
        for name, value in {"MEMORYHUB_CONFIG": str(path), **variables}.items():
            monkeypatch.setenv(name, value)
        return get_config.__wrapped__()

    return read


def test_the_environment_wins_over_the_file_and_plain_variables_over_both(configure):
    text = "server: {port: 1111, workers: 3, host: localhost}"
    server = configure(text, MEMORYHUB_SERVER__PORT="2222", MEMORYHUB_SERVER__WORKERS="5", PORT="3333").server
    assert (server.port, server.workers, server.host) == (3333, 5, "localhost")


def test_a_section_without_keys_is_all_defaults(configure):
    assert configure("limits:\n  # batch: 10\n").limits.batch == 500


def test_a_bare_off_in_yaml_is_a_word(configure):
    assert configure("search: {embedder: off}").search.embedder == "off"


def test_a_relative_home_is_made_absolute(configure):
    assert configure(MEMORYHUB_HOME="some/folder").server.home == Path.cwd() / "some" / "folder"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {bacth: 3}", "Unknown setting 'limits.bacth': did you mean 'batch'?"),
        ("serach: {depth: 30}", "Unknown setting 'serach': did you mean 'search'?"),
        ("limits: {batch: 0}", "'limits.batch' is wrong: Input should be greater than or equal to 1 (got 0)"),
        ("search: {embedder: magic}", "'local', 'remote', 'hashing' or 'off'"),
        ("search: {embedder: remote, remote: {url: http://h}}", "so search.remote.model, search.remote.dimension must"),
        ("search: {remote: {modle: x}}", "Unknown setting 'search.remote.modle': did you mean 'model'?"),
        ("search: {remote: {url: ftp://h}}", "'search.remote.url' is wrong: Value error, an address such as"),
        ("search: {remote: {dimension: many}}", "(got 'many')"),
        ("- a", "must hold sections"),
        ("limits: {batch: [}", "cannot be read"),
        ("limits: 3", "'limits' is wrong"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_setting(configure, text, message):
    with pytest.raises(ConfigError) as caught:
        configure(text)
    assert message in str(caught.value)


def test_a_secret_is_bound_in_the_file_and_its_value_comes_from_the_environment(configure):
    text = "procedures: {secrets: {ci_token: {hosts: [ci.example.com], tenants: [acme]}}}"
    given = {"MEMORYHUB_PROCEDURES__SECRETS__CI_TOKEN__VALUE": "s3cr3t"}
    secret = configure(text, **given).procedures.secrets["ci_token"]
    assert (secret.value.get_secret_value(), secret.hosts, secret.tenants) == ("s3cr3t", ["ci.example.com"], ["acme"])
    assert "s3cr3t" not in repr(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "s3cr3t",
        "{value: s3cr3t}",
        "{value: s3cr3t, hosts: [ci.example.com]}",
        "{value: s3cr3t, tenants: [acme]}",
        "{value: s3cr3t, hosts: [], tenants: [acme]}",
        "{value: s3cr3t, hosts: [ci.example.com], tenants: []}",
        "{value: s3cr3t, hosts: [ci.example.com], tenants: s3cr3t}",
        "{value: [s3cr3t], hosts: [ci.example.com], tenants: [acme]}",
    ],
)
def test_a_secret_that_is_not_bound_stops_the_start_and_is_not_shown(configure, secret):
    with pytest.raises(ConfigError, match=r"'procedures\.secrets\.CI[a-z.]*' is wrong") as caught:
        configure(f"procedures: {{secrets: {{CI: {secret}}}}}")
    assert "s3cr3t" not in str(caught.value)
    if "hosts" not in secret or "tenants" not in secret:
        assert "{value: ..., hosts: [ci.example.com], tenants: [acme]}" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PORT", "http", "'server.port' (from PORT) is wrong"),
        ("MEMORYHUB_LIMITS__BACTH", "3", "did you mean 'MEMORYHUB_LIMITS__BATCH'?"),
        ("MEMORYHUB_HOEM", "x", "did you mean 'MEMORYHUB_HOME'?"),
        ("MEMORYHUB_SERVER__ALLOWED_HOSTS", "a,b", "written as JSON"),
    ],
)
def test_a_wrong_variable_is_named(configure, variable, value, message):
    with pytest.raises(ConfigError) as caught:
        configure("", **{variable: value})
    assert message in str(caught.value)


def test_no_password_is_shown(configure):
    with pytest.raises(ConfigError) as caught:
        configure("database: {url: [postgresql://u:hunter2@h/d]}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "remote",
    ["api_key: hunter 2", "api_key: [hunter 2]", "url: https://u:hunter 2@h/v1", "url: [https://u:hunter 2@h]"],
)
def test_no_key_of_an_endpoint_is_shown(configure, remote):
    with pytest.raises(ConfigError) as caught:
        configure(f"search: {{remote: {{{remote}}}}}")
    assert "hunter" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        configure("search: {remote: hunter2}")
    assert "hunter" not in str(caught.value)


def test_the_key_of_an_endpoint_comes_from_the_environment_and_is_not_printed(configure):
    remote = configure(MEMORYHUB_SEARCH__REMOTE__API_KEY="sk-1").search.remote
    assert remote.api_key is not None
    assert remote.api_key.get_secret_value() == "sk-1"
    assert "sk-1" not in repr(remote)


def test_a_missing_file_that_was_named_is_an_error(monkeypatch):
    monkeypatch.setenv("MEMORYHUB_CONFIG", "/nowhere/hub.yaml")
    with pytest.raises(ConfigError, match="does not exist"):
        get_config.__wrapped__()


def test_the_documentation_is_current():
    assert reference.outdated() == [], "run: manage.py document_settings"


def test_every_setting_is_documented():
    for name, model in reference.sections():
        for inner in (model, *dict(reference.inner_sections(model)).values()):
            assert [key for key, info in inner.model_fields.items() if not info.description] == [], name


def test_the_example_with_everything_uncommented_is_the_default(configure):
    lines = reference.EXAMPLE.read_text().splitlines()
    text = "\n".join(line.replace("  #", "  ", 1) for line in lines if not line.lstrip().startswith("# "))
    read, default = configure(text), configure("")
    assert read.model_copy(update={"server": default.server}) == default
    assert {name: set(section) for name, section in yaml.safe_load(text).items()} == known_names()


def test_the_variables_of_the_published_interface_for_agents(configure):
    agents = configure(
        "agents: {retention_days: {alice: 7, alden: 3}}",
        MEMORY_SYNC_INTERVAL="120",
        MEMORY_LOCK_TIMEOUT="30",
        CONFLICT_RESOLUTION_STRATEGY="MANUAL_REVIEW",
        ALDEN_MEMORY_RETENTION_DAYS="90",
        MY_OWN_AGENT_MEMORY_RETENTION_DAYS="14",
    ).agents
    assert (agents.sync_interval_seconds, agents.lock_seconds) == (120, 30)
    assert agents.conflict_strategy == "manual_review"
    assert agents.retention_days == {"alden": 90, "alice": 7, "my_own_agent": 14}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEMORY_SYNC_INTERVAL", "5"),
        ("MEMORY_LOCK_TIMEOUT", "7200"),
        ("CONFLICT_RESOLUTION_STRATEGY", "coin"),
        ("ALDEN_MEMORY_RETENTION_DAYS", "0"),
        ("ANY_MEMORY_RETENTION_DAYS", "three weeks"),
    ],
)
def test_a_wrong_variable_for_agents_stops_the_start_with_its_name(configure, variable, value):
    with pytest.raises(ConfigError, match=variable):
        configure("", **{variable: value})
