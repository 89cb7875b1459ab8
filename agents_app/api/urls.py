"""Addresses of the agents area, under ``/memory/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from agents_app.api.agents import (
    ActivateView,
    AgentStatusView,
    AgentsView,
    AllocationView,
    CoordinatorView,
    DeactivateView,
    ProfileView,
    RegisterView,
)
from agents_app.api.conflicts import (
    AssignView,
    ConflictsView,
    ConflictView,
    DismissView,
    HoldView,
    PreviewView,
    ResolveView,
    SnoozeView,
    UndoView,
)
from agents_app.api.feed import ChangesView, PushView, ReplicasView
from agents_app.api.memories import AgentMemoriesView, AgentSearchView, SliceView
from agents_app.api.sharing import AliasesView, MatrixPreviewView, MatrixView, RegrantsView, RulesView, RuleView
from agents_app.api.syncs import RunsView, RunView, StatisticsView, SyncAgentView, SyncAllView

urlpatterns: list[URLPattern] = [
    path("agents", AgentsView.as_view()),
    path("agents/register", RegisterView.as_view()),
    path("agents/status", CoordinatorView.as_view()),
    path("agents/allocation", AllocationView.as_view()),
    path("agents/sync", SyncAllView.as_view()),
    path("agents/sync/runs", RunsView.as_view()),
    path("agents/sync/runs/<uuid:run_id>", RunView.as_view()),
    path("agents/sync/statistics", StatisticsView.as_view()),
    path("agents/<str:agent_id>/profile", ProfileView.as_view()),
    path("agents/<str:agent_id>/deactivate", DeactivateView.as_view()),
    path("agents/<str:agent_id>/activate", ActivateView.as_view()),
    path("agents/<str:agent_id>/status", AgentStatusView.as_view()),
    path("agents/<str:agent_id>/sync", SyncAgentView.as_view()),
    path("agents/sharing-rules", RulesView.as_view()),
    path("agents/sharing-rules/<uuid:rule_id>", RuleView.as_view()),
    path("agents/category-aliases", AliasesView.as_view()),
    path("agents/sharing-matrix", MatrixView.as_view()),
    path("agents/sharing-matrix/preview", MatrixPreviewView.as_view()),
    path("agents/regrants", RegrantsView.as_view()),
    path("agents/conflicts", ConflictsView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>", ConflictView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/preview", PreviewView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/resolve", ResolveView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/dismiss", DismissView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/undo", UndoView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/assign", AssignView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/snooze", SnoozeView.as_view()),
    path("agents/conflicts/<uuid:conflict_id>/hold", HoldView.as_view()),
    path("agents/replicas", ReplicasView.as_view()),
    path("agents/<str:agent_id>/changes", ChangesView.as_view()),
    path("agents/<str:agent_id>/push", PushView.as_view()),
    path("agents/<str:agent_id>/slice", SliceView.as_view()),
    path("agents/<str:agent_id>/memories", AgentMemoriesView.as_view()),
    path("agents/<str:agent_id>/search", AgentSearchView.as_view()),
]
