"""A session in full: conversation, agents, tasks and what it holds in mind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from sessions_app import summaries
from sessions_app.models import Message, Session, Task
from sessions_app.services import finding

RECENT_MESSAGES = 20
MOST_TASKS = 200
OPEN = (Task.Status.PENDING, Task.Status.IN_PROGRESS, Task.Status.BLOCKED)
IS_OPEN = Q(status__in=OPEN, archived_at=None)


@verb
def full_context(*, session_id: str, principal: Principal) -> dict[str, Any]:
    """Everything that an agent needs to go on with a session; the keys of the published interface."""
    session = finding.find(session_id, principal=principal)
    return {
        "session_id": session.session_id,
        "tenant_id": session.tenant_id,
        "user_id": session.user_id,
        "status": session.status,
        "version": session.version,
        "start_time": session.start_time,
        "last_activity": session.last_activity,
        "ended_at": session.ended_at,
        "end_reason": session.end_reason,
        "duration_seconds": duration(session),
        "initial_context": session.context_snapshot,
        "metadata": session.metadata,
        "conversation": conversation(session),
        "agents": agents(session),
        "tasks": tasks(session),
        "memory": memory(session),
    }


def duration(session: Session) -> int:
    """Whole seconds from start to end, or to now."""
    end = session.ended_at or datetime.now(UTC)
    return max(0, int((end - session.start_time).total_seconds()))


def conversation(session: Session) -> dict[str, Any]:
    return {
        "message_count": session.message_count,
        "recent_messages": [as_message(message) for message in recent_messages(session)],
        "summary": summaries.counts(session.role_counts),
        "highlights": summaries.highlights(session),
    }


def recent_messages(session: Session, limit: int = RECENT_MESSAGES) -> list[Message]:
    """The last messages, oldest first."""
    newest = Message.objects.filter(session=session).order_by("-sequence")[:limit]
    return list(reversed(newest))


def as_message(message: Message) -> dict[str, Any]:
    return {
        "id": message.pk,
        "sequence": message.sequence,
        "role": message.role,
        "name": message.name,
        "content": message.content,
        "at": message.at,
        "metadata": message.metadata,
        "author": message.author,
    }


def agents(session: Session) -> dict[str, Any]:
    return {
        "current": session.current_agent,
        "previous": session.previous_agent,
        "active": session.active_agents,
        "handoff_count": session.handoffs.count(),
    }


def open_tasks(session: Session) -> QuerySet[Task]:
    return Task.objects.filter(IS_OPEN, session=session)


def tasks(session: Session) -> dict[str, Any]:
    done = Task.objects.filter(session=session, status=Task.Status.COMPLETED).order_by("-completed_at")
    return {
        "pending": [as_task(task) for task in open_tasks(session)[:MOST_TASKS]],
        "completed": [as_task(task) for task in done[:MOST_TASKS]],
        **task_counts(session),
    }


def task_counts(session: Session) -> dict[str, Any]:
    """``completion_rate`` is completed of all that were not cancelled, 0..1; 0 without tasks."""
    counted = Task.objects.filter(session=session).aggregate(
        total=Count("pk"),
        wanted=Count("pk", filter=~Q(status=Task.Status.CANCELLED)),
        completed=Count("pk", filter=Q(status=Task.Status.COMPLETED)),
    )
    rate = counted["completed"] / counted["wanted"] if counted["wanted"] else 0.0
    return {"total": counted["total"], "completion_rate": round(rate, 4)}


def as_task(task: Task) -> dict[str, Any]:
    return {
        "id": task.task_id,
        "description": task.description,
        "status": task.status,
        "priority": task.priority,
        "assigned_agent": task.assigned_agent,
        "result": task.result,
        "metadata": task.metadata,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
    }


def memory(session: Session) -> dict[str, Any]:
    return {
        "critical_facts": session.critical_facts,
        "working_memory": session.working_memory,
        "long_term_refs": session.long_term_refs,
    }
