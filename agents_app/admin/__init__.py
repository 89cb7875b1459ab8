from agents_app.admin import conflicts

__all__ = ["conflicts"]
