"""Each failed check before the start is one line with what to do."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from memoryhub.config import Config, ConfigError
from memoryhub.runtime import boot
from memoryhub.runtime.boot import StartError, check_port, prepare_home
from memoryhub.runtime.database import database_urls, with_parts
from memoryhub.runtime.secrets import load_secrets


def config(**sections: Mapping[str, object]) -> Config:
    return Config.model_validate(sections)


def test_a_used_port_is_named_with_the_way_out():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(StartError, match=rf"Port {port} .*PORT=\d+ make run") as caught:
            check_port(config(server={"port": port}))
    assert "\n" not in str(caught.value)


def test_a_home_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(StartError, match="MEMORYHUB_HOME"):
        prepare_home(tmp_path / "home")


def test_a_full_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(boot, "NEEDED_BYTES", 2**62)
    with pytest.raises(StartError, match="MiB of free disk space"):
        prepare_home(tmp_path)


def test_secrets_are_made_once_and_private(tmp_path):
    made = load_secrets(config(server={"home": str(tmp_path)}))
    assert load_secrets(config(server={"home": str(tmp_path)})) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert made.secret_key not in repr(made)


def test_secrets_from_the_environment_win(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMORYHUB_KEY_PEPPER", "from-outside")
    assert load_secrets(config(server={"home": str(tmp_path)})).key_pepper == "from-outside"


def test_broken_secrets_are_named(tmp_path):
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(ConfigError, match=r"secrets\.json"):
        load_secrets(config(server={"home": str(tmp_path)}))


def test_a_database_url_without_its_owner_stops_the_start():
    with pytest.raises(ConfigError, match="MIGRATION_DATABASE_URL"):
        database_urls(config(database={"url": "postgresql://app@db/hub"}))


def test_the_system_role_is_derived_from_the_owner_where_unset(tmp_path):
    external = {"url": "postgresql://app:a@db/hub", "migration_url": "postgresql://own:b@db:6000/hub?sslmode=require"}
    urls = database_urls(config(database=external, server={"home": str(tmp_path)}))
    assert urls.role_name("system") == "memoryhub_system"
    assert "port=6000" in urls.system
    assert "sslmode=require" in urls.system
    assert ":b@" not in urls.system


@pytest.mark.parametrize("url", ["not a url at all", "postgresql://db/hub"])
def test_a_broken_url_is_named(url):
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        database_urls(config(database={"url": url, "migration_url": "postgresql://own@db/hub"}))


def test_parts_of_a_url_with_odd_characters_survive():
    url = with_parts("postgresql://u@/d?host=/a%20b/c", password="p@ss/ wörd", user="me:you")
    assert with_parts(url, password=None) == "postgresql://me%3Ayou@/d?host=%2Fa%20b%2Fc"


def test_the_home_is_private(tmp_path: Path):
    prepare_home(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o066 == 0
