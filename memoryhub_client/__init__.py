"""The Python client of MemoryHub: nothing of the server, only the standard library.

``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY`` in the environment name the hub and the key; both can be
passed instead.

- ``MemoryClient``: entries, locks, conflicts, knowledge, operations, procedures and runs; synchronous.
- ``MemoryClient.operation``: one piece of work, for ``with``: memory is consulted, and learns.
- ``PersistentMemoryFramework``, ``PersistentMemory``, ``BaseAgent``: the published framework, as coroutines.
- ``Replica``: a copy of an agent's slice in a file; reads in-process, writes offline, syncs.
- ``create_multi_agent_coordinator``: several agents that share memory, kept in step, as coroutines.
- ``get_memory_coordinator``, ``get_session_manager``: the same memory and sessions as coroutines.

Two devices of one agent, one of them offline for a while::

    from memoryhub_client import MemoryClient, Replica

    client = MemoryClient("http://127.0.0.1:8000", "mh_…")
    with Replica("alden.db", client, agent_id="alden", user_id="user_123") as replica:
        replica.put("ui_theme", {"mode": "dark"}, category="user_preferences")
        replica.get("ui_theme").value       # at once, from the file
        report = replica.sync()             # when the hub can be reached
        report.applied, report.merged, report.conflicts, report.rejected

A refusal of the hub is a ``HubError`` with a stable ``code``; a hub that is away is an ``OSError``.
"""

from memoryhub_client.client import MemoryClient
from memoryhub_client.coordinator import MemoryCoordinator, get_memory_coordinator
from memoryhub_client.errors import HubError
from memoryhub_client.framework import MemoryType, PersistentMemoryFramework, memory_integration
from memoryhub_client.locks import Lock, NotLocked
from memoryhub_client.memory_sync import ConflictResolution, MemorySyncService, create_memory_sync_service
from memoryhub_client.multi_agent import MemoryAllocation, MultiAgentCoordinator, create_multi_agent_coordinator
from memoryhub_client.operations import Operation
from memoryhub_client.persistent import BaseAgent, PersistentMemory, initialize_session
from memoryhub_client.replica import Replica, ReplicaError, SyncReport
from memoryhub_client.sessions import SessionManager, get_session_manager
from memoryhub_client.shapes import ContextEntry, ContextScope, MemoryLayer

__all__ = [
    "BaseAgent",
    "ConflictResolution",
    "ContextEntry",
    "ContextScope",
    "HubError",
    "Lock",
    "MemoryAllocation",
    "MemoryClient",
    "MemoryCoordinator",
    "MemoryLayer",
    "MemorySyncService",
    "MemoryType",
    "MultiAgentCoordinator",
    "NotLocked",
    "Operation",
    "PersistentMemory",
    "PersistentMemoryFramework",
    "Replica",
    "ReplicaError",
    "SessionManager",
    "SyncReport",
    "create_memory_sync_service",
    "create_multi_agent_coordinator",
    "get_memory_coordinator",
    "get_session_manager",
    "initialize_session",
    "memory_integration",
]
