"""Tasks of a session: made and updated by their task_id."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, TypedDict

from django.db.models.functions import Now

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from sessions_app.exceptions import TaskArchived
from sessions_app.models import Session, Task
from sessions_app.services import acting, changes, finding


class TaskFields(TypedDict, total=False):
    """What is named is changed; the rest stays."""

    description: str
    status: str
    priority: str
    assigned_agent: str | None
    result: Any
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Put:
    task: Task
    created: bool


@verb
def put(*, session_id: str, fields: TaskFields, principal: Principal, task_id: str | None = None) -> Put:
    """Makes the task, or updates it where the session has one of that ``task_id``.

    A new task needs a description and gets a ``task_id`` where none is named. Raises SessionClosed,
    TaskArchived, Invalid.
    """
    session = finding.locked_open(session_id, principal=principal)
    done = write(session, task_id, fields)
    changed = acting.enter(session, principal)
    action = "task.created" if done.created else "task.updated"
    changes.save(session, *changed, action=action, principal=principal, task=done.task.task_id, status=done.task.status)
    return done


def write(session: Session, task_id: str | None, fields: TaskFields) -> Put:
    """One task of a locked session; shared with saving a session."""
    found = Task.objects.filter(session=session, task_id=task_id).first() if task_id else None
    if found is None:
        return Put(create(session, task_id, fields), created=True)
    if found.archived_at is not None:
        raise TaskArchived()
    return Put(update(found, fields), created=False)


def create(session: Session, task_id: str | None, fields: TaskFields) -> Task:
    if not fields.get("description"):
        raise Invalid("description", "A new task needs a description.")
    known = check_status(fields)
    name = task_id or f"task_{secrets.token_hex(6)}"
    task = Task(tenant_id=session.tenant_id, session=session, task_id=name, **known)
    if task.status == Task.Status.COMPLETED:
        task.completed_at = Now()
    task.save(force_insert=True)
    task.refresh_from_db()
    return task


def update(task: Task, fields: TaskFields) -> Task:
    before = task.status
    for name, value in check_status(fields).items():
        setattr(task, name, value)
    if task.status != before:
        task.completed_at = Now() if task.status == Task.Status.COMPLETED else None
    task.updated_at = Now()
    task.save(update_fields=[*fields, "completed_at", "updated_at"])
    task.refresh_from_db()
    return task


def check_status(fields: TaskFields) -> TaskFields:
    status = fields.get("status", Task.Status.PENDING)
    if status not in Task.Status.values:
        raise Invalid("status", f"'{status}' is not one of {', '.join(Task.Status.values)}.")
    return fields


def archive_completed(session: Session) -> int:
    """Puts what is done out of sight of the next briefing; the count of tasks and their rate stay."""
    done = Task.objects.filter(session=session, status=Task.Status.COMPLETED, archived_at=None)
    return int(done.update(archived_at=Now()))
