"""Live changes as server-sent events: a process of its own, because a web thread must not wait.

One asyncio loop holds the listeners and writes to them; whatever asks the database runs in a few threads. Who may
listen is decided by the same middleware and views as in the web (``doors.py``), so that no rule stands twice.
"""
