"""Doors to the work of a session: tasks, facts, working memory."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.views import HubView
from sessions_app.api import examples
from sessions_app.api.describing import describe
from sessions_app.api.inputs import FactInput, TaskInput, WorkingMemoryInput
from sessions_app.api.outputs import FactsOutput, TaskOutput, WorkingMemoryOutput
from sessions_app.selectors import context
from sessions_app.services import facts, tasks
from sessions_app.services.tasks import TaskFields


def task_fields(data: dict[str, Any]) -> TaskFields:
    return cast(TaskFields, {name: data[name] for name in TaskFields.__annotations__ if name in data})


class TaskView(HubView):
    permissions = {"POST": "write"}

    @describe("session_task", takes=TaskInput, answer=TaskOutput, errors=(404, 409, 422), sent=examples.TASK)
    def post(self, request: Request) -> Response:
        """Make a task, or update the one of that task_id: what is named is changed, the rest stays."""
        data = self.read(TaskInput, request)
        put = tasks.put(
            session_id=data["session_id"],
            task_id=data.get("task_id"),
            fields=task_fields(data),
            principal=self.principal(request, data),
        )
        return Response(
            {
                "success": True,
                "session_id": data["session_id"],
                "created": put.created,
                "task": context.as_task(put.task),
            }
        )


class FactView(HubView):
    permissions = {"POST": "write"}

    @describe("session_fact", takes=FactInput, answer=FactsOutput, errors=(404, 409, 422), sent=examples.FACT)
    def post(self, request: Request) -> Response:
        """Add or replace critical facts; they travel with every hand-off. A fact set to null is forgotten."""
        data = self.read(FactInput, request)
        session = facts.put(session_id=data["session_id"], facts=data["facts"], principal=self.principal(request, data))
        return Response({"success": True, "session_id": session.session_id, "critical_facts": session.critical_facts})


class WorkingMemoryView(HubView):
    permissions = {"POST": "write"}

    @describe(
        "session_working_memory",
        takes=WorkingMemoryInput,
        answer=WorkingMemoryOutput,
        errors=(404, 409, 422),
        sent=examples.WORKING_MEMORY,
    )
    def post(self, request: Request) -> Response:
        """Change what the session holds in mind: values are merged in, null forgets a key."""
        data = self.read(WorkingMemoryInput, request)
        session = facts.put_working_memory(
            session_id=data["session_id"],
            values=data["values"],
            replace=data["replace"],
            principal=self.principal(request, data),
        )
        return Response({"success": True, "session_id": session.session_id, "working_memory": session.working_memory})
