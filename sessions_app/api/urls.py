"""Addresses of the session area, under ``/memory/``."""

from __future__ import annotations

from django.urls import path

from sessions_app.api.handoffs import AcceptView, HandoffContextView, HandoffListView, HandoffView, RejectView
from sessions_app.api.messages import MessageListView, MessagesView, MessageView
from sessions_app.api.records import (
    DecisionsView,
    DecisionView,
    SaveView,
    SnapshotDetailView,
    SnapshotsView,
    SnapshotView,
)
from sessions_app.api.sessions import (
    ArchiveView,
    BriefingView,
    ContextView,
    EndView,
    ResumeView,
    SessionsView,
    StartView,
)
from sessions_app.api.work import FactView, TaskView, WorkingMemoryView

urlpatterns = [
    path("sessions", SessionsView.as_view()),
    path("session/start", StartView.as_view()),
    path("session/resume/<str:session_id>", ResumeView.as_view()),
    path("session/context/<str:session_id>", ContextView.as_view()),
    path("session/briefing", BriefingView.as_view()),
    path("session/end", EndView.as_view()),
    path("session/archive", ArchiveView.as_view()),
    path("session/message", MessageView.as_view()),
    path("session/messages", MessagesView.as_view()),
    path("session/task", TaskView.as_view()),
    path("session/fact", FactView.as_view()),
    path("session/working-memory", WorkingMemoryView.as_view()),
    path("session/handoff", HandoffView.as_view()),
    path("session/handoff/<uuid:handoff_id>/accept", AcceptView.as_view()),
    path("session/handoff/<uuid:handoff_id>/reject", RejectView.as_view()),
    path("session/snapshot", SnapshotView.as_view()),
    path("session/snapshot/<uuid:snapshot_id>", SnapshotDetailView.as_view()),
    path("session/snapshots", SnapshotsView.as_view()),
    path("session/decision", DecisionView.as_view()),
    path("session/decisions", DecisionsView.as_view()),
    path("session/save", SaveView.as_view()),
    path("session/<str:session_id>/messages", MessageListView.as_view()),
    path("session/<str:session_id>/handoff", HandoffContextView.as_view()),
    path("session/<str:session_id>/handoffs", HandoffListView.as_view()),
]
