"""Calls that steps of procedures make to other systems: to listed hosts alone, bounded in time and size."""

from procedures_app.calls.hosts import CallRefused
from procedures_app.calls.secrets import Secret, usable
from procedures_app.calls.sending import Answer, CallFailed, send

__all__ = ["Answer", "CallFailed", "CallRefused", "Secret", "send", "usable"]
