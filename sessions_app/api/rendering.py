"""How the session area shows its things."""

from __future__ import annotations

from typing import Any

from sessions_app.models import ContextSnapshot, Decision, Handoff, Session
from sessions_app.selectors.briefing import Briefing

MOST_ERRORS = 10


def session(shown: Session) -> dict[str, Any]:
    return {
        "session_id": shown.session_id,
        "status": shown.status,
        "start_time": shown.start_time,
        "last_activity": shown.last_activity,
        "tenant_id": shown.tenant_id,
        "user_id": shown.user_id,
        "version": shown.version,
    }


def session_row(shown: Session) -> dict[str, Any]:
    return session(shown) | {
        "message_count": shown.message_count,
        "current_agent": shown.current_agent,
        "summary": shown.summary,
    }


def handoff(shown: Handoff) -> dict[str, Any]:
    return {
        "handoff_id": shown.pk,
        "session_id": shown.session.session_id,
        "from_agent": shown.from_agent,
        "to_agent": shown.to_agent,
        "status": shown.status,
        "handoff_reason": shown.handoff_reason,
        "timestamp": shown.created_at,
        "times_out_at": shown.times_out_at,
        "answered_at": shown.answered_at,
        "answer_reason": shown.answer_reason,
        "checksum": shown.checksum,
    }


def handoff_snapshot(shown: Handoff) -> dict[str, Any]:
    return {key: shown.package[key] for key in ("conversation_summary", "critical_facts", "pending_tasks")}


def handoff_context(shown: Handoff) -> dict[str, Any]:
    return handoff(shown) | {
        "critical_info": shown.critical_info,
        "continuation_instructions": shown.continuation_instructions,
        "package": shown.package,
    }


def snapshot(shown: ContextSnapshot) -> dict[str, Any]:
    return {
        "id": shown.pk,
        "session_id": shown.session_id,
        "user_id": shown.user_id,
        "timestamp": shown.timestamp,
        "context_type": shown.context_type,
        "context_data": shown.context_data,
        "tags": shown.tags,
        "importance": shown.importance,
        "expires_at": shown.expires_at,
        "author": shown.author,
    }


def latest_errors(found: Briefing) -> list[dict[str, Any]]:
    """Errors that were saved with sessions and those that were captured, the latest first, in one form."""
    both = [*(snapshot(error) for error in found.errors), *found.captured]
    return sorted(both, key=lambda error: error["timestamp"], reverse=True)[:MOST_ERRORS]


def decision(shown: Decision) -> dict[str, Any]:
    return {
        "id": shown.pk,
        "session_id": shown.session_id,
        "user_id": shown.user_id,
        "title": shown.title,
        "decision": shown.decision,
        "rationale": shown.rationale,
        "alternatives": shown.alternatives,
        "metadata": shown.metadata,
        "author": shown.author,
        "created_at": shown.created_at,
    }
