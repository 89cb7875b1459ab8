from memoryhub.registry.models.access_log import AccessRecord, AccessTotal
from memoryhub.registry.models.counts import EntryCount
from memoryhub.registry.models.entries import (
    ContextEntry,
    EntryVersion,
    EphemeralEntry,
    Layer,
    MemoryType,
    Priority,
    Scope,
)
from memoryhub.registry.models.locks import EntryLock, LockWaiter
from memoryhub.registry.models.relations import ContextGroup, GroupMember, Relationship

__all__ = [
    "AccessRecord",
    "AccessTotal",
    "ContextEntry",
    "ContextGroup",
    "EntryCount",
    "EntryLock",
    "EntryVersion",
    "EphemeralEntry",
    "GroupMember",
    "Layer",
    "LockWaiter",
    "MemoryType",
    "Priority",
    "Relationship",
    "Scope",
]
