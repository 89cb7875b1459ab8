"""Addresses of the session area, under ``/memory/``."""

from __future__ import annotations

from django.urls import path

from sessions_app.api.messages import MessageListView, MessagesView, MessageView
from sessions_app.api.sessions import ContextView, ResumeView, StartView

urlpatterns = [
    path("session/start", StartView.as_view()),
    path("session/resume/<str:session_id>", ResumeView.as_view()),
    path("session/message", MessageView.as_view()),
    path("session/messages", MessagesView.as_view()),
    path("session/context/<str:session_id>", ContextView.as_view()),
    path("session/<str:session_id>/messages", MessageListView.as_view()),
]
