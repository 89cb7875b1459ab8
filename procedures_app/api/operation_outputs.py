"""What the doors to operations, guidance, work history and their rules answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.serializers import Output
from memoryhub.registry.api.fields import AnyValue
from procedures_app.api.knowledge_outputs import ErrorFieldsOutput, error_fields
from procedures_app.models import CapturedError, EnforcementRule, Mode, Operation, Solution, WorkRecord
from procedures_app.services import work
from procedures_app.wording import stamp


class WorkFields(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    action = serializers.CharField()
    kind = serializers.CharField()
    task_id = serializers.CharField(allow_null=True)
    agent_id = serializers.CharField(allow_null=True)
    success = serializers.BooleanField(allow_null=True, help_text="null: not said.")
    result = serializers.CharField(help_text="The beginning of what came of it, in words.")
    error_message = serializers.CharField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class WorkOutput(WorkFields):
    user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    operation_id = serializers.UUIDField(allow_null=True, help_text="null: done without consulting.")
    input = AnyValue()
    output = AnyValue()


class WorkRecordedOutput(Output):
    work = WorkOutput()


class SimilarWorkOutput(WorkFields):
    likeness = serializers.FloatField(help_text="0 to 1.")
    about = serializers.CharField(help_text="What in the context it is like; empty: it is like the task.")
    says = serializers.CharField(help_text="When, by whom and how it ended, in a sentence.")


class RecommendationOutput(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["procedure", "solution", "approach"])
    name = serializers.CharField(help_text="Of a procedure: what runs are started by.")
    title = serializers.CharField()
    why = serializers.CharField()
    required = serializers.BooleanField(required=False, help_text="A rule demands it.")  # type: ignore[assignment]
    version = serializers.IntegerField(required=False, help_text="Of a procedure.")
    summary = serializers.CharField(required=False)
    kind = serializers.CharField(required=False)
    text = serializers.CharField(required=False, help_text="Of a solution: what to do.")
    solution = serializers.UUIDField(required=False, help_text="Its id, for feedback.")
    knowledge = serializers.UUIDField(required=False, help_text="The problem that it solves.")
    success_rate = serializers.FloatField(required=False)
    tried = serializers.IntegerField(required=False)
    verified = serializers.BooleanField(required=False)
    likeness = serializers.FloatField(required=False)
    work = serializers.UUIDField(required=False, help_text="Of an approach: the work that went well so.")


class AdvisedOutput(RecommendationOutput):
    confidence = serializers.FloatField()


class WarningOutput(serializers.Serializer[Any]):
    code = serializers.ChoiceField(
        ["already_done", "tried_before", "procedure_required", "past_failures", "context_failures", "degraded"]
    )
    text = serializers.CharField()


class DoneOutput(serializers.Serializer[Any]):
    by = serializers.ChoiceField(["task_id", "input", "similarity"], allow_null=True, help_text="What told it.")
    says = serializers.CharField()
    likeness = serializers.FloatField(allow_null=True)
    records = WorkFields(many=True)


class GuidanceFields(serializers.Serializer[Any]):
    confidence = serializers.FloatField(help_text="0 to 1, of the primary recommendation; 1 only where a rule demands.")
    confident = serializers.BooleanField(help_text="Above procedures.confident: fit to follow.")
    primary_recommendation = RecommendationOutput(allow_null=True)
    similar_work = SimilarWorkOutput(many=True)
    known_solutions = AdvisedOutput(many=True)
    procedures = AdvisedOutput(many=True)
    warnings = WarningOutput(many=True)
    already_done = DoneOutput(allow_null=True)


class GuidanceOutput(Output, GuidanceFields):
    kind = serializers.CharField(help_text="In its canonical form.")
    mode = Choice(Mode.choices)


class BegunOutput(Output):
    operation_id = serializers.UUIDField()
    consultation_token = serializers.CharField(help_text="Shown this once. Send it as Consultation-Token.")
    kind = serializers.CharField(help_text="In its canonical form.")
    mode = Choice(Mode.choices, help_text="What is enforced for this kind.")
    expires_at = serializers.DateTimeField()
    guidance = GuidanceFields()


class OperationRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    task = serializers.CharField()
    task_id = serializers.CharField(allow_null=True)
    agent_id = serializers.CharField(allow_null=True)
    user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    status = Choice(Operation.Status.choices)
    mode = Choice(Mode.choices, help_text="What was enforced when it was begun.")
    confidence = serializers.FloatField()
    procedure = serializers.CharField(help_text="Name of the recommended one.")
    procedure_required = serializers.BooleanField()
    error_message = serializers.CharField()
    duration_ms = serializers.IntegerField(allow_null=True)
    begun_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()


class OperationFields(OperationRow):
    context = AnyValue()  # type: ignore[assignment]
    result = AnyValue()
    guidance = GuidanceFields(help_text="What memory said when it was begun.")


class OperationOutput(Output):
    operation = OperationFields()


class FeedbackFields(serializers.Serializer[Any]):
    solution_id = serializers.UUIDField()
    success_rate = serializers.FloatField(help_text="With this try in it.")
    usage_count = serializers.IntegerField()


class FinishedOutput(Output):
    operation = OperationRow()
    work = WorkOutput()
    captured = ErrorFieldsOutput(allow_null=True, help_text="The error that was said; null: none was.")
    known_solution = serializers.CharField(help_text="What is known to help with that error; empty: nothing yet.")
    feedback = FeedbackFields(allow_null=True, help_text="The solution that was judged; null: none was.")


class CheckedOutput(Output):
    done = serializers.BooleanField(help_text="What only failed was tried, not done.")
    by = serializers.ChoiceField(["task_id", "input", "similarity"], allow_null=True, help_text="What told it.")
    says = serializers.CharField()
    likeness = serializers.FloatField(allow_null=True, help_text="Where likeness told it.")
    records = WorkFields(many=True)


class EnforcementRuleOutput(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="A kind of work; * for every other; memory_write for all that is written.")
    mode = Choice(Mode.choices)
    procedure = serializers.CharField(allow_null=True)
    note = serializers.CharField()
    version = serializers.IntegerField(help_text="For If-Match.")
    changed_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class EnforcementRuleSavedOutput(Output):
    rule = EnforcementRuleOutput()


class EnforcementRuleRemovedOutput(Output):
    kind = serializers.CharField()
    mode = Choice(Mode.choices, help_text="What holds from now on.")


def work_document(record: WorkRecord) -> dict[str, Any]:
    return work.document(record) | {
        "user_id": record.user_id,
        "session_id": record.session_id,
        "operation_id": str(record.operation_id) if record.operation_id else None,
        "input": record.input,
        "output": record.output,
    }


def operation_row(operation: Operation) -> dict[str, Any]:
    return {
        "id": str(operation.pk),
        "kind": operation.kind,
        "task": operation.task,
        "task_id": operation.task_id,
        "agent_id": operation.agent_id,
        "user_id": operation.user_id,
        "session_id": operation.session_id,
        "status": operation.status,
        "mode": operation.mode,
        "confidence": operation.confidence,
        "procedure": operation.procedure,
        "procedure_required": operation.procedure_required,
        "error_message": operation.error_message,
        "duration_ms": operation.duration_ms,
        "begun_at": stamp(operation.begun_at),
        "finished_at": stamp(operation.finished_at),
        "expires_at": stamp(operation.expires_at),
    }


def operation_document(operation: Operation) -> dict[str, Any]:
    told = {"context": operation.context, "result": operation.result, "guidance": operation.guidance}
    return operation_row(operation) | told


def captured_fields(error: CapturedError | None, known_solution: str) -> dict[str, Any]:
    return {"captured": error and error_fields(error), "known_solution": known_solution}


def feedback_document(solution: Solution | None) -> dict[str, Any] | None:
    if solution is None:
        return None
    told = {"success_rate": solution.success_rate, "usage_count": solution.usage_count}
    return {"solution_id": str(solution.pk), **told}


def rule_document(rule: EnforcementRule) -> dict[str, Any]:
    return {
        "kind": rule.kind,
        "mode": rule.mode,
        "procedure": rule.procedure.name if rule.procedure else None,
        "note": rule.note,
        "version": rule.version,
        "changed_by": rule.changed_by,
        "created_at": stamp(rule.created_at),
        "updated_at": stamp(rule.updated_at),
    }
