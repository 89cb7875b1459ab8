"""Doors to locks. None of them waits: who queues asks again."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import page
from memoryhub.access.api.schema import PAGE_PARAMETERS, example, page_of, problem_responses
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.context import LOCK_FENCE, EntryView
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.lock_serializers import (
    AcquiredOutput,
    AcquireInput,
    DurationInput,
    LockOutput,
    LockStateOutput,
    ReleasedOutput,
)
from memoryhub.registry.api.serializers import NamingPageQuery, NamingQuery, NeededReasonInput
from memoryhub.registry.models import EntryLock
from memoryhub.registry.services import locks
from memoryhub.registry.services.locks import Acquired, Released

TAGS = ["context"]


def acquired_response(entry_id: UUID, acquired: Acquired) -> Response:
    document = {
        "success": True,
        "entry_id": str(entry_id),
        **asdict(acquired),
        "expires_at": moment(acquired.expires_at),
    }
    if acquired.granted:
        return Response(document)
    wait = str(max(1, round(acquired.retry_after or 0)))
    return Response(document, status=HTTPStatus.ACCEPTED, headers={"Retry-After": wait})


def released_response(entry_id: UUID, released: Released) -> Response:
    return Response({"success": True, "entry_id": str(entry_id), "released": released.released})


def lock_document(lock: EntryLock) -> dict[str, Any]:
    return {
        "entry_id": str(lock.entry_id),
        "key": lock.entry.key,
        "holder": lock.holder,
        "acquired_at": moment(lock.acquired_at),
        "expires_at": moment(lock.expires_at),
        "reason": lock.reason,
    }


class LockView(EntryView):
    permissions = {"POST": "write", "DELETE": "write"}
    # asking again is safe by itself, and an old answer would tell of a lock that is over
    repeatable = False

    @extend_schema(
        operation_id="context_lock",
        summary="Lock an entry",
        description="While you hold the lock, nobody else can write the entry, and you write it with `Lock-Fence`. "
        "Asking again prolongs it. With `wait` you get a place in the queue (202) while another holds it: ask again "
        "after `retry_after` seconds to keep the place and to get the lock when it is your turn. Needs `write`.",
        request=AcquireInput,
        parameters=[NamingQuery],
        responses={200: AcquiredOutput, 202: AcquiredOutput, **problem_responses(404, 409, 429)},
        examples=[example("For five minutes", {"lock_duration_minutes": 5, "wait": True}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(AcquireInput, request)
        return acquired_response(entry_id, locks.acquire(entry_id, principal=self.caller(request), **data))

    @extend_schema(
        operation_id="context_lock_state",
        summary="Who has the lock of an entry",
        description="And who waits for it. Needs `read`.",
        parameters=[NamingQuery],
        responses={200: LockStateOutput, **problem_responses(404, 409)},
        tags=TAGS,
    )
    def get(self, request: Request, entry_id: UUID) -> Response:
        found = locks.state(entry_id, principal=self.caller(request))
        document = asdict(found) | {
            "acquired_at": moment(found.acquired_at),
            "expires_at": moment(found.expires_at),
            "locked": found.holder is not None,
            "waiters": len(found.queue),
        }
        return Response({"success": True, "entry_id": str(entry_id), **document})

    @extend_schema(
        operation_id="context_unlock",
        summary="Release the lock of an entry",
        description="Or leave its queue. The first that waits gets the lock. Repeating changes nothing: send "
        "`Lock-Fence` to say which lock you mean, as another may hold it by then (403). Needs `write`.",
        parameters=[NamingQuery, LOCK_FENCE],
        responses={200: ReleasedOutput, **problem_responses(404, 409)},
        tags=TAGS,
    )
    def delete(self, request: Request, entry_id: UUID) -> Response:
        return released_response(entry_id, locks.release(entry_id, principal=self.caller(request)))


class RenewView(EntryView):
    permissions = {"POST": "write"}
    repeatable = False

    @extend_schema(
        operation_id="context_lock_renew",
        summary="Prolong a lock",
        description="Its time starts anew. 409 `stale_fence` when it ended, was taken away, or has another number "
        "than `Lock-Fence` names. Needs `write`.",
        request=DurationInput,
        parameters=[NamingQuery, LOCK_FENCE],
        responses={200: AcquiredOutput, **problem_responses(404, 409)},
        examples=[example("Five more minutes", {"seconds": 300}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        data = self.read(DurationInput, request)
        return acquired_response(entry_id, locks.renew(entry_id, principal=self.caller(request), **data))


class ForceReleaseView(EntryView):
    permissions = {"POST": "admin"}

    @extend_schema(
        operation_id="context_lock_force_release",
        summary="Take a lock away",
        description="From whoever holds it; the first that waits gets it. Stays in the audit trail. Needs `admin` and "
        "a reason.",
        request=NeededReasonInput,
        parameters=[NamingQuery],
        responses={200: ReleasedOutput, **problem_responses(404, 409, 422)},
        examples=[example("Its agent is gone", {"reason": "the agent was shut down"}, request=True)],
        tags=TAGS,
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        reason = self.read(NeededReasonInput, request)["reason"]
        return released_response(entry_id, locks.force_release(entry_id, principal=self.caller(request), reason=reason))


class LocksView(HubView):
    @extend_schema(
        operation_id="locks",
        summary="Locks that are held",
        description="Of entries that you may read. Needs `read`.",
        parameters=[NamingQuery, *PAGE_PARAMETERS],
        responses={200: page_of(LockOutput), **problem_responses()},
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        query = self.read(NamingPageQuery, request, query=True)
        principal = self.principal(request, query)
        return page(
            request,
            locks.held(principal=principal),
            principal=principal,
            query=query,
            render=lambda rows: [lock_document(row) for row in rows],
            order=("-acquired_at", "-entry_id"),
        )
