from agents_app.admin import conflicts, duplicates

__all__ = ["conflicts", "duplicates"]
