from agents_app.admin import agents, conflicts, duplicates, notices, sharing, syncs

__all__ = ["agents", "conflicts", "duplicates", "notices", "sharing", "syncs"]
