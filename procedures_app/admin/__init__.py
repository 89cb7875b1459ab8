from procedures_app.admin import approvals

__all__ = ["approvals"]
