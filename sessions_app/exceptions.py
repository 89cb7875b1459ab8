"""What sessions refuse."""

from __future__ import annotations

from memoryhub.access.exceptions import Conflict, Forbidden, NotFound


class SessionNotFound(NotFound):
    """There is no such session. Check the session_id, and that your key may see it; start makes a new one."""

    code = "session_not_found"


class SessionIdTaken(Conflict):
    """This session_id cannot be used for this user. Start with another session_id."""

    code = "session_id_taken"


class SessionClosed(Conflict):
    """The session is not open. Resume it first: POST /memory/session/resume/<session_id>."""

    code = "session_closed"


class HandoffNotFound(NotFound):
    """There is no such hand-off. Check its id, and that your key may see its session."""

    code = "handoff_not_found"


class HandoffAnswered(Conflict):
    """The hand-off is no longer pending. Read the session's hand-offs for what happened to it."""

    code = "handoff_answered"


class HandoffTimedOut(Conflict):
    """The hand-off ran out of time and turns back to the agent that gave it. Ask for a new one."""

    code = "handoff_timed_out"


class NotTheReceiver(Forbidden):
    """Only the receiving agent may answer a hand-off."""

    code = "not_the_receiver"


class TaskArchived(Conflict):
    """The task was archived. Use another task_id."""

    code = "task_archived"
