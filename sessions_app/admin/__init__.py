from sessions_app.admin.records import DecisionAdmin, HandoffAdmin, MessageAdmin, SnapshotAdmin, TaskAdmin
from sessions_app.admin.sessions import SessionAdmin

__all__ = ["DecisionAdmin", "HandoffAdmin", "MessageAdmin", "SessionAdmin", "SnapshotAdmin", "TaskAdmin"]
