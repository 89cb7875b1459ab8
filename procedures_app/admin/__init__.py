from procedures_app.admin import approvals, desk, enforcement, knowledge, knowledge_records, runs, work

__all__ = ["approvals", "desk", "enforcement", "knowledge", "knowledge_records", "runs", "work"]
