"""The Python client of MemoryHub: nothing of the server, only the standard library.

``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY`` in the environment name the hub and the key; both can be
passed instead.

- ``MemoryClient``: entries, locks and conflicts, synchronous.
- ``Replica``: a copy of an agent's slice in a file; reads in-process, writes offline, syncs.
- ``get_memory_coordinator``, ``get_session_manager``: the same memory and sessions as coroutines.
"""

from memoryhub_client.client import MemoryClient
from memoryhub_client.coordinator import MemoryCoordinator, get_memory_coordinator
from memoryhub_client.errors import HubError
from memoryhub_client.locks import Lock, NotLocked
from memoryhub_client.replica import Replica, ReplicaError, SyncReport
from memoryhub_client.sessions import SessionManager, get_session_manager
from memoryhub_client.shapes import ContextEntry, ContextScope, MemoryLayer

__all__ = [
    "ContextEntry",
    "ContextScope",
    "HubError",
    "Lock",
    "MemoryClient",
    "MemoryCoordinator",
    "MemoryLayer",
    "NotLocked",
    "Replica",
    "ReplicaError",
    "SessionManager",
    "SyncReport",
    "get_memory_coordinator",
    "get_session_manager",
]
