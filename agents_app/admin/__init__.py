from agents_app.admin import agents, conflicts, duplicates, entry_panel, notices, sharing, syncs

__all__ = ["agents", "conflicts", "duplicates", "entry_panel", "notices", "sharing", "syncs"]
