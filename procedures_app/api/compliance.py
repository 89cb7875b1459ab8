"""The door to compliance: whether procedures are followed, and how much work asks memory first."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.schema import example, problem_responses
from memoryhub.access.api.serializers import Input, Output
from memoryhub.access.api.views import HubView
from memoryhub.registry.api.fields import Name
from procedures_app import selectors_compliance as selectors
from procedures_app.models import Operation
from procedures_app.selectors_compliance import FIGURES, LONGEST_DAYS, MOST_ROWS, Compliance, Runs, Work


class ComplianceQuery(Input):
    tenant_id = Name(required=False, help_text="Your key's tenant; a platform key names one.")
    user_id = Name(required=False, help_text="Runs and work about this user too, not only those about nobody.")
    procedure = Name(required=False, help_text="Only runs of this procedure; work and operations are left out then.")
    agent_id = Name(required=False, help_text="Only runs that this agent started, and its work.")
    since = serializers.DateTimeField(required=False, help_text="Runs started from then on; 30 days before until.")
    until = serializers.DateTimeField(required=False, help_text=f"Now. A period has at most {LONGEST_DAYS} days.")


class RunFiguresOutput(serializers.Serializer[Runs]):
    started = serializers.IntegerField()
    under_way = serializers.IntegerField(help_text="Not over yet, whatever they wait for.")
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    rolled_back = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    over = serializers.IntegerField(help_text="Those of which it is known whether they went as written.")
    compliant = serializers.IntegerField(help_text="Every step as written.")
    compliant_share = serializers.FloatField(allow_null=True, help_text="compliant / over; null where none is over.")
    deviations = serializers.IntegerField(help_text="Steps skipped, replaced, late or escalated.")
    late_steps = serializers.IntegerField()
    skips_asked = serializers.IntegerField()
    skips_approved = serializers.IntegerField()
    skips_refused = serializers.IntegerField()
    refused_shortcuts = serializers.IntegerField(help_text="Attempts to leave out or reorder a step without asking.")
    median_seconds = serializers.FloatField(allow_null=True, help_text="Of the completed runs, start to end.")


class WorkFiguresOutput(serializers.Serializer[Work]):
    recorded = serializers.IntegerField()
    consulted = serializers.IntegerField(help_text="Done within an operation that was begun.")
    unconsulted = serializers.IntegerField()
    consulted_share = serializers.FloatField(allow_null=True, help_text="consulted / recorded.")
    failed = serializers.IntegerField()


class OfProcedureOutput(RunFiguresOutput):
    procedure = serializers.CharField()
    title = serializers.CharField(allow_blank=True)


class OfAgentOutput(RunFiguresOutput):
    agent_id = serializers.CharField(allow_null=True, help_text="null: no agent acted.")


class WorkOfAgentOutput(WorkFiguresOutput):
    agent_id = serializers.CharField(allow_null=True, help_text="null: no agent acted.")


class WorkOfKindOutput(WorkFiguresOutput):
    kind = serializers.CharField()


class OperationFiguresOutput(serializers.Serializer[Any]):
    begun = serializers.IntegerField(help_text="Begun in the period, whatever became of them.")
    under_way = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    abandoned = serializers.IntegerField()


class PeriodOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="Not included.")


class ComplianceOutput(Output):
    period = PeriodOutput()
    runs = RunFiguresOutput(help_text="Of all procedures and agents.")
    procedures = OfProcedureOutput(many=True, help_text=f"Those with most runs first, at most {MOST_ROWS}.")
    agents = OfAgentOutput(many=True)
    work = WorkFiguresOutput(allow_null=True, help_text="null where a procedure is named.")
    work_of_agents = WorkOfAgentOutput(many=True, help_text="Most work without consulting first.")
    work_of_kinds = WorkOfKindOutput(many=True)
    operations = OperationFiguresOutput(allow_null=True, help_text="null where a procedure is named.")


FOLLOWED = {
    "started": 12, "under_way": 1, "completed": 9, "failed": 1, "rolled_back": 0, "cancelled": 1, "over": 10,
    "compliant": 8, "deviations": 3, "late_steps": 1, "skips_asked": 2, "skips_approved": 1, "skips_refused": 1,
    "refused_shortcuts": 4, "compliant_share": 0.8, "median_seconds": 412.5,
}  # fmt: skip
CONSULTED = {"recorded": 40, "consulted": 34, "unconsulted": 6, "consulted_share": 0.85, "failed": 5}
ANSWER = {
    "success": True,
    "period": {"since": "2026-02-01T00:00:00Z", "until": "2026-03-03T00:00:00Z"},
    "runs": FOLLOWED,
    "procedures": [{**FOLLOWED, "procedure": "memory-aware-deployment", "title": "Memory-Aware Deployment"}],
    "agents": [{**FOLLOWED, "agent_id": "deploy-bot"}],
    "work": CONSULTED,
    "work_of_agents": [{**CONSULTED, "agent_id": "deploy-bot"}],
    "work_of_kinds": [{**CONSULTED, "kind": "deployment"}],
    "operations": {"begun": 36, "under_way": 1, "succeeded": 30, "failed": 4, "abandoned": 1},
}


class ComplianceView(HubView):
    @extend_schema(
        operation_id="procedures_compliance",
        summary="Whether procedures are followed",
        description="Runs of a period by procedure and by agent: how they ended, which share of them went exactly as "
        "written, skips, late steps, refused shortcuts, how long they took; and how much work was done without "
        "consulting memory first. A run counts in the period in which it was started.",
        parameters=[ComplianceQuery],
        responses={200: ComplianceOutput, **problem_responses()},
        examples=[example("A month", ANSWER)],
        tags=["procedures"],
    )
    def get(self, request: Request) -> Response:
        query = self.read(ComplianceQuery, request, query=True)
        found = selectors.compliance(
            principal=self.principal(request, query),
            period=selectors.period_of(query.get("since"), query.get("until")),
            procedure=query.get("procedure", ""),
            agent_id=query.get("agent_id", ""),
        )
        return Response({"success": True, **document(found, whole="procedure" not in query)})


def document(found: Compliance, *, whole: bool) -> dict[str, Any]:
    """As JSON; not ``whole``: work and operations are left out."""
    return {
        "period": {"since": found.period.since, "until": found.period.until},
        "runs": run_figures(found.totals),
        "procedures": [
            {"procedure": name, "title": found.titles.get(name, ""), **run_figures(runs)}
            for name, runs in found.procedures.items()
        ],
        "agents": [{"agent_id": name or None, **run_figures(runs)} for name, runs in found.agents.items()],
        "work": work_figures(found.work) if whole else None,
        "work_of_agents": [
            {"agent_id": name or None, **work_figures(work)} for name, work in found.work_of_agents.items()
        ],
        "work_of_kinds": [{"kind": kind, **work_figures(work)} for kind, work in found.kinds.items()],
        "operations": operation_figures(found) if whole else None,
    }


def run_figures(runs: Runs) -> dict[str, Any]:
    counts = {name: runs.counts[name] for name in FIGURES}
    return counts | {"compliant_share": rounded(runs.share), "median_seconds": runs.median_seconds}


def work_figures(work: Work) -> dict[str, Any]:
    return {
        "recorded": work.recorded,
        "consulted": work.consulted,
        "unconsulted": work.unconsulted,
        "consulted_share": rounded(work.share),
        "failed": work.failed,
    }


def operation_figures(found: Compliance) -> dict[str, int]:
    names = {"under_way": Operation.Status.BEGUN} | {
        name: Operation.Status(name) for name in ("succeeded", "failed", "abandoned")
    }
    counts = {name: found.operations[status] for name, status in names.items()}
    return {"begun": found.operations.total(), **counts}


def rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
