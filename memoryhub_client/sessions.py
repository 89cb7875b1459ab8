"""Sessions: start, talk, hand over, end."""

from __future__ import annotations

from typing import Any

from memoryhub_client.coordinator import MemoryCoordinator, without_none
from memoryhub_client.transport import segment


class SessionManager:
    """The sessions that a coordinator's key may see."""

    def __init__(self, coordinator: MemoryCoordinator) -> None:
        self.coordinator = coordinator

    async def _post(self, path: str, **body: Any) -> dict[str, Any]:
        return await self.coordinator.transport.call("POST", f"/memory/session/{path}", without_none(body))

    async def _get(self, path: str) -> dict[str, Any]:
        return await self.coordinator.transport.call("GET", f"/memory/session/{path}")

    async def start_session(
        self,
        session_id: str,
        *,
        tenant_id: str | None = None,
        user_id: str | None = None,
        initial_context: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Starts the session, or resumes it if it is open."""
        return await self._post(
            "start", session_id=session_id, tenant_id=tenant_id, user_id=user_id, initial_context=initial_context
        )

    async def resume_session(self, session_id: str) -> dict[str, Any]:
        return await self._post(f"resume/{segment(session_id)}")

    async def add_message(
        self,
        session_id: str,
        role: str,
        content: str,
        *,
        name: str | None = None,
        at: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Adds one message; ``at`` (ISO 8601) says when it was said, if not now."""
        return await self._post(
            "message", session_id=session_id, role=role, content=content, name=name, at=at, metadata=metadata
        )

    async def handoff_to_agent(
        self,
        session_id: str,
        to_agent: str,
        handoff_reason: str,
        *,
        critical_info: dict[str, Any] | None = None,
        continuation_instructions: str = "",
    ) -> dict[str, Any]:
        """Hands the session over with everything that the next agent needs."""
        return await self._post(
            "handoff",
            session_id=session_id,
            to_agent=to_agent,
            handoff_reason=handoff_reason,
            critical_info=critical_info,
            continuation_instructions=continuation_instructions,
        )

    async def get_handoff_context(self, session_id: str) -> dict[str, Any]:
        """The latest hand-off: from_agent, critical_info, continuation_instructions, the package."""
        answer = await self._get(f"{segment(session_id)}/handoff")
        return dict(answer.get("handoff") or answer)

    async def get_full_context(self, session_id: str) -> dict[str, Any]:
        answer = await self._get(f"context/{segment(session_id)}")
        return dict(answer["context"])

    async def end_session(self, session_id: str, reason: str = "completed") -> dict[str, Any]:
        """Ends the session; its transcript and summary stay in the archive."""
        return await self._post("end", session_id=session_id, reason=reason)


async def get_session_manager(coordinator: MemoryCoordinator) -> SessionManager:
    return SessionManager(coordinator)
