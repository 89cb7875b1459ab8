from agents_app.admin import conflicts, duplicates

__all__ = ["conflicts", "duplicates"]
from agents_app.admin import notices

__all__ = ["conflicts", "notices"]
