"""A tenant with everything that a recipe needs, made through the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from itertools import count
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.db import connection, transaction

from tests.conftest import HubClient, MakeClient, forget_all, role
from tests.contract.calls import Call, Id

ALL = ("read", "write", "admin")


class World:
    """One tenant, its owner's client, and ``marker``: a word that stands in all it writes and nowhere else."""

    def __init__(self, tenant: str, api: MakeClient, agent: str) -> None:
        self.tenant, self.agent, self._api = tenant, agent, api
        self.client: HubClient = api(tenant=tenant, agent=agent, scopes=ALL)
        self.marker = f"secret{uuid4().hex[:10]}"
        self.user = "pat"
        self.ids: set[str] = set()
        self._numbers = count(1)

    @property
    def authorization(self) -> str:
        """What the owner's client sends, for other clients."""
        found: str = self.client._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]
        return found

    @cached_property
    def peer(self) -> World:
        """The same tenant through another agent's key."""
        other = World(self.tenant, self._api, "writer")
        other.marker, other.ids = self.marker, self.ids
        return other

    def another_agent(self) -> str:
        """The name of an agent of the tenant that nobody else is."""
        name = f"agent-{next(self._numbers)}"
        self._api(tenant=self.tenant, agent=name)
        return name

    def text(self, about: str = "note") -> str:
        return f"{about} {self.marker}"

    def name(self, kind: str) -> Id:
        """A name nobody has; another tenant has never heard of it."""
        return self.known(f"{kind}-{next(self._numbers)}-{uuid4().hex[:8]}")

    def known(self, text: Any) -> Id:
        self.ids.add(str(text))
        return Id(text)

    def send(self, method: str, path: str, call: Call) -> Any:
        return send(self.client, method, path, call)

    def made(self, method: str, path: str, call: Call) -> Any:
        """The parsed answer of a request that must succeed: worlds are built with it."""
        answer = self.send(method, path, call)
        assert 200 <= answer.status_code < 300, f"{method} {path}: {answer.content.decode()}"
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        return self.made("POST", path, Call(body=body))

    def get(self, path: str, **query: Any) -> Any:
        return self.made("GET", path, Call(query=query))


def world_of(tenant: str, api: MakeClient) -> World:
    """The tenant, made where missing, as its strongest key sees it."""
    return World(tenant, api, "planner")


def send(client: HubClient, method: str, path: str, call: Call) -> Any:
    address = call.address(path)
    if call.query:
        address += "?" + urlencode(call.query, doseq=True)
    if call.body is None:
        return client.generic(method, address, headers=call.headers)
    return getattr(client, method.lower())(address, call.body, headers=call.headers)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back, and forgotten by the process, so that one world serves several attempts."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)
        forget_all()


def rows_of(tenant: str) -> dict[str, str]:
    """A digest per table of everything that the tenant owns, refused requests of others left aside."""
    with role("postgres"), connection.cursor() as cursor:
        cursor.execute(digests(), {"tenant": tenant})
        return dict(cursor.fetchall())


@cache
def digests() -> str:
    """The statement that reads every table with a tenant; partitions are read through their parent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
            "WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
            "AND c.relnamespace = 'public'::regnamespace"
        )
        tables = sorted(name for (name,) in cursor.fetchall())
    return " UNION ALL ".join(
        f"SELECT '{table}', coalesce(md5(string_agg(r::text, '' ORDER BY r::text)), '') "
        f'FROM "{table}" r WHERE tenant_id = %(tenant)s'
        for table in tables
    )
