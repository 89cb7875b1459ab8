from sessions_app.models.conversation import Message, Session, Task
from sessions_app.models.handoffs import Handoff
from sessions_app.models.records import ContextSnapshot, Decision

__all__ = ["ContextSnapshot", "Decision", "Handoff", "Message", "Session", "Task"]
