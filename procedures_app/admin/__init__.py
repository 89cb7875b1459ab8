from procedures_app.admin import approvals, enforcement, knowledge, knowledge_records, runs, work

__all__ = ["approvals", "enforcement", "knowledge", "knowledge_records", "runs", "work"]
