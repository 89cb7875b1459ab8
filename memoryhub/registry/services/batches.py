"""Many entries in one round trip: a result for each, in the order asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any
from uuid import UUID

from memoryhub.access.exceptions import HubError, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_call
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import LowerPriority
from memoryhub.registry.models import ContextEntry, EphemeralEntry
from memoryhub.registry.services import access_log
from memoryhub.registry.services.addresses import reading_addresses
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.entries import (
    Stored,
    check_parent,
    encoded,
    offered,
    prepared,
    settled,
    write_many,
)
from memoryhub.registry.services.records import Entry, rows_of

FIND_EACH = (
    "WITH asked AS (SELECT %s::text AS walls, %s::text[] AS keys, %s::jsonb AS places, %s::boolean AS archived) "
    "SELECT wanted.n, found.* FROM asked, unnest(asked.keys) WITH ORDINALITY AS wanted(k, n), "
    "LATERAL registry_find(asked.walls, wanted.k, asked.places, asked.archived) AS found "
    "WHERE found.id IS NOT NULL ORDER BY wanted.n"
)
Outcome = Stored | HubError
Job = tuple[int, dict[str, Any], dict[str, Any]]


def store_many(drafts: Sequence[Draft | HubError], *, principal: Principal) -> list[Outcome]:
    """Stores each draft as ``store`` would, those of one tenant together in one transaction.

    An error instead of a draft (an item that could not even be read) stays in its place. A draft that is
    refused leaves nothing and harms no other.
    """
    outcomes: dict[int, Outcome] = {}
    by_tenant: dict[Principal, list[tuple[int, Draft, Principal]]] = {}
    for number, draft in enumerate(drafts):
        try:
            if isinstance(draft, HubError):
                raise draft
            ready, caller = settled(draft, principal)
            walls = replace(caller, named_user=principal.named_user, named_session=principal.named_session)
            by_tenant.setdefault(walls, []).append((number, ready, caller))
        except HubError as error:
            outcomes[number] = error
    for walls, items in by_tenant.items():
        outcomes |= store_together(items, walls)
    return [outcomes[number] for number in range(len(drafts))]


def store_together(items: list[tuple[int, Draft, Principal]], walls: Principal) -> dict[int, Outcome]:
    if not any(draft.parent_id for _, draft, _ in items):
        return write_together(items, walls)
    with behind_walls(walls):
        return write_together(items, walls)


def write_together(items: list[tuple[int, Draft, Principal]], walls: Principal) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    jobs: list[Job] = []
    for number, draft, caller in items:
        try:
            if draft.parent_id:
                check_parent(draft.parent_id, caller)
            jobs.append((number, *prepared(draft, caller)))
        except HubError as error:
            outcomes[number] = error
    # everybody locks in the same order, so that two batches never wait for each other
    jobs.sort(key=lambda job: (encoded(job[1]["address"]), job[1]["key"]))
    results = write_many([(order, act) for _, order, act in jobs], walls) if jobs else []
    done = {job[0]: (job[1], result) for job, result in zip(jobs, results, strict=True)}
    named = {number: (draft, caller) for number, draft, caller in items}
    return outcomes | {number: proposed(order, *named[number], result) for number, (order, result) in done.items()}


def proposed(order: dict[str, Any], draft: Draft, caller: Principal, result: Outcome) -> Outcome:
    """The result; where the caller may only propose, what became of the proposal."""
    if not isinstance(result, LowerPriority):
        return result
    try:
        return offered(order, draft, caller, result)
    except HubError as error:
        return error


def get_many(ids: Sequence[UUID], *, principal: Principal, include_archived: bool = False) -> list[Entry | NotFound]:
    """The entries of these ids; NotFound in the place of what is not there or not visible."""
    started = perf_counter()
    found: dict[UUID, Entry] = {}
    for model in (ContextEntry, EphemeralEntry):
        missing = [entry_id for entry_id in ids if entry_id not in found]
        if missing:
            there = model.objects.visible_to(principal).present(archived=include_archived)
            rows = rows_of(there.filter(pk__in=missing), principal=principal)
            found |= {entry.entry_id: entry for entry in rows}
    access_log.note(list(found.values()), principal=principal, operation="batch", started=started)
    return [found.get(entry_id) or NotFound() for entry_id in ids]


def retrieve_many(
    keys: Sequence[str],
    *,
    principal: Principal,
    scope: str | None = None,
    agent_id: str | None = None,
    include_archived: bool = False,
) -> list[Entry | NotFound]:
    """For each key what ``retrieve`` finds, in one round trip; NotFound in the place of what is not there."""
    started = perf_counter()
    places = encoded(reading_addresses(principal, scope, agent_id=agent_id))
    rows = one_call(FIND_EACH, [list(keys), places, include_archived], principal=principal)
    found = {number: Entry(*columns) for number, *columns in rows}
    access_log.note(list(found.values()), principal=principal, operation="batch", started=started)
    return [found.get(number) or NotFound() for number in range(1, len(keys) + 1)]
