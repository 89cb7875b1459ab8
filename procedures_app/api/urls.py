"""Addresses of the procedures area, under ``/memory/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from procedures_app.api import approvals, curation, errors, knowledge, procedure_drafts, procedures, runs
from procedures_app.api.compliance import ComplianceView
from procedures_app.api.operation_rules import RulesView, RuleView
from procedures_app.api.operations import (
    AbandonView,
    BeginView,
    FinishView,
    GuidanceView,
    OperationsView,
    OperationView,
)
from procedures_app.api.work_history import WorkCheckView, WorkView

urlpatterns: list[URLPattern] = [
    path("operations", OperationsView.as_view()),
    path("operations/begin", BeginView.as_view()),
    path("operations/finish", FinishView.as_view()),
    path("operations/rules", RulesView.as_view()),
    path("operations/rules/<str:kind>", RuleView.as_view()),
    path("operations/<uuid:operation_id>", OperationView.as_view()),
    path("operations/<uuid:operation_id>/abandon", AbandonView.as_view()),
    path("guidance", GuidanceView.as_view()),
    path("work-history", WorkView.as_view()),
    path("work-history/check", WorkCheckView.as_view()),
    path("knowledge", knowledge.KnowledgeView.as_view()),
    path("knowledge/search", knowledge.SearchView.as_view()),
    path("knowledge/match", knowledge.MatchView.as_view()),
    path("knowledge/feedback", knowledge.FeedbackView.as_view()),
    path("knowledge/<uuid:knowledge_id>", knowledge.OneView.as_view()),
    path("knowledge/<uuid:knowledge_id>/versions", knowledge.VersionsView.as_view()),
    path("knowledge/<uuid:knowledge_id>/solutions", knowledge.SolutionsView.as_view()),
    path("knowledge/<uuid:knowledge_id>/restore", curation.RestoreView.as_view()),
    path("knowledge/<uuid:knowledge_id>/verify", curation.VerifyView.as_view()),
    path("knowledge/<uuid:knowledge_id>/merge", curation.MergeView.as_view()),
    path("knowledge/<uuid:knowledge_id>/supersede", curation.SupersedeView.as_view()),
    path("errors", errors.ErrorsView.as_view()),
    path("errors/<uuid:error_id>", errors.OneErrorView.as_view()),
    # before procedures/<name>: no procedure can be called so
    path("procedures/compliance", ComplianceView.as_view()),
    path("procedures/import", procedures.ImportView.as_view()),
    path("procedures/parse", procedures.ParseView.as_view()),
    path("procedures", procedures.ProceduresView.as_view()),
    path("procedures/<slug:name>", procedures.OneProcedureView.as_view()),
    path("procedures/<slug:name>/draft", procedure_drafts.DraftView.as_view()),
    path("procedures/<slug:name>/draft/rebase", procedure_drafts.RebaseView.as_view()),
    path("procedures/<slug:name>/publish", procedure_drafts.PublishView.as_view()),
    path("procedures/<slug:name>/retire", procedures.RetireView.as_view()),
    path("procedures/<slug:name>/activate", procedures.ActivateView.as_view()),
    path("procedures/<slug:name>/versions", procedures.VersionsView.as_view()),
    path("procedures/<slug:name>/versions/<int:number>", procedures.OneVersionView.as_view()),
    path("procedures/<slug:name>/diff", procedures.DiffView.as_view()),
    path("procedures/<slug:name>/export", procedures.ExportView.as_view()),
    path("runs", runs.RunsView.as_view()),
    path("runs/<uuid:run_id>", runs.OneRunView.as_view()),
    path("runs/<uuid:run_id>/events", runs.RunEventsView.as_view()),
    path("runs/<uuid:run_id>/next", runs.NextView.as_view()),
    path("runs/<uuid:run_id>/pause", runs.PauseView.as_view()),
    path("runs/<uuid:run_id>/resume", runs.ResumeView.as_view()),
    path("runs/<uuid:run_id>/cancel", runs.CancelView.as_view()),
    path("runs/<uuid:run_id>/steps/<str:step_id>/complete", runs.CompleteView.as_view()),
    path("runs/<uuid:run_id>/steps/<str:step_id>/fail", runs.FailView.as_view()),
    path("runs/<uuid:run_id>/steps/<str:step_id>/renew", runs.RenewView.as_view()),
    path("runs/<uuid:run_id>/steps/<str:step_id>/release", runs.ReleaseView.as_view()),
    path("runs/<uuid:run_id>/steps/<str:step_id>/skip", runs.SkipView.as_view()),
    path("runs/<uuid:run_id>/steps/<str:step_id>/deviate", runs.DeviateView.as_view()),
    path("approvals", approvals.ApprovalsView.as_view()),
    path("approvals/<uuid:approval_id>", approvals.ApprovalView.as_view()),
    path("approvals/<uuid:approval_id>/withdraw", approvals.WithdrawView.as_view()),
]
