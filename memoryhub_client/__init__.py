"""The Python client of MemoryHub: nothing of the server, only the standard library.

``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY`` in the environment name the hub and the key; both can be
passed instead. Every call is a coroutine over the REST API.
"""

from memoryhub_client.coordinator import MemoryCoordinator, get_memory_coordinator
from memoryhub_client.errors import HubError
from memoryhub_client.sessions import SessionManager, get_session_manager
from memoryhub_client.shapes import ContextEntry, ContextScope, MemoryLayer

__all__ = [
    "ContextEntry",
    "ContextScope",
    "HubError",
    "MemoryCoordinator",
    "MemoryLayer",
    "SessionManager",
    "get_memory_coordinator",
    "get_session_manager",
]
