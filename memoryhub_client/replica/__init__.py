"""A copy of an agent's slice beside the agent: reads in microseconds, writes offline, syncs with the hub.

with Replica("alden.db", MemoryClient(), agent_id="alden", user_id="user_123") as replica:
    replica.put("theme", "dark", category="user_preferences")
    replica.sync()
    replica.get("theme").value
"""

from memoryhub_client.replica.exceptions import (
    NotInReplica,
    ReplicaBusy,
    ReplicaClosed,
    ReplicaDamaged,
    ReplicaError,
    ReplicaFull,
    ReplicaMismatch,
)
from memoryhub_client.replica.replica import Replica
from memoryhub_client.replica.reports import KnownConflict, LocalChange, LocalEntry, Status, SyncReport

__all__ = [
    "KnownConflict",
    "LocalChange",
    "LocalEntry",
    "NotInReplica",
    "Replica",
    "ReplicaBusy",
    "ReplicaClosed",
    "ReplicaDamaged",
    "ReplicaError",
    "ReplicaFull",
    "ReplicaMismatch",
    "Status",
    "SyncReport",
]
