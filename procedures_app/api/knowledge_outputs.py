"""What the doors to knowledge and errors answer, and how rows are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from memoryhub.access.api.serializers import Output
from memoryhub.search.requests import MODES
from procedures_app.models import CapturedError, Knowledge, KnowledgeVersion, Solution
from procedures_app.services.problems import LIKENESS, SIGNATURE, ProblemMatch
from procedures_app.services.rates import best_first


class SolutionOutput(serializers.Serializer[Solution]):
    id = serializers.UUIDField()
    knowledge_id = serializers.UUIDField()
    text = serializers.CharField()
    procedure = serializers.CharField(allow_blank=True, help_text="Name of the procedure to follow.")
    success_rate = serializers.FloatField(help_text="0 to 1, with a prior: one success is no certainty.")
    successes = serializers.IntegerField()
    failures = serializers.IntegerField()
    usage_count = serializers.IntegerField()
    last_used = serializers.DateTimeField(allow_null=True)
    status = serializers.CharField()
    verified_by = serializers.CharField(allow_blank=True, help_text="The person who confirmed it.")
    author = serializers.CharField()


class KnowledgeFieldsOutput(serializers.Serializer[Knowledge]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    content = serializers.JSONField(help_text="As it was captured.")
    knowledge_type = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    importance = serializers.FloatField()
    problem_signature = serializers.CharField(allow_null=True, help_text="The normalized error of a problem.")
    problem_description = serializers.CharField(allow_blank=True)
    error_type = serializers.CharField(allow_blank=True)
    template = serializers.CharField(allow_blank=True, help_text="The error with its variable parts masked.")
    solution = serializers.CharField(allow_blank=True, help_text="The best one known.")
    success_rate = serializers.FloatField(help_text="Of that solution.")
    usage_count = serializers.IntegerField()
    last_used = serializers.DateTimeField(allow_null=True)
    occurrences = serializers.IntegerField(help_text="How often the error was met.")
    status = serializers.CharField()
    replaced_by = serializers.UUIDField(allow_null=True)
    verified_by = serializers.CharField(allow_blank=True, help_text="The person who confirmed it.")
    verified_at = serializers.DateTimeField(allow_null=True)
    user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    author = serializers.CharField()
    version = serializers.IntegerField(help_text="For If-Match.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class KnowledgeWithSolutions(KnowledgeFieldsOutput):
    solutions = SolutionOutput(many=True, help_text="The active ones, the surest first.")


class KnowledgeOutput(Output):
    knowledge = KnowledgeWithSolutions()


class CapturedOutput(KnowledgeOutput):
    created = serializers.BooleanField(help_text="false: it was known, and what is new was added.")


class SolutionAnswer(Output):
    solution = SolutionOutput()


class KnowledgeVersionOutput(serializers.Serializer[KnowledgeVersion]):
    version = serializers.IntegerField()
    author = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()
    document = serializers.DictField(help_text="What it said, with its solutions.")


class MatchFieldsOutput(serializers.Serializer[ProblemMatch]):
    confidence = serializers.FloatField(help_text="The probability that it is the same problem, 0 to 1.")
    matched_by = serializers.ChoiceField(choices=[SIGNATURE.value, LIKENESS.value])
    why = serializers.CharField()
    knowledge = KnowledgeFieldsOutput()
    solutions = SolutionOutput(many=True, help_text="The active ones, the surest first.")


class MatchesOutput(Output):
    signature = serializers.CharField(help_text="Of the error that was sent.")
    error_type = serializers.CharField(allow_blank=True)
    template = serializers.CharField(allow_blank=True)
    matches = MatchFieldsOutput(many=True, help_text="The likeliest first.")


class FoundOutput(KnowledgeFieldsOutput):
    score = serializers.FloatField()


class KnowledgeSearchOutput(Output):
    query = serializers.CharField()
    mode = serializers.ChoiceField(choices=MODES)
    result_count = serializers.IntegerField()
    results = FoundOutput(many=True, help_text="Best first.")
    degraded = serializers.BooleanField(help_text="The model was not ready: words decided alone.")
    notice = serializers.CharField(allow_null=True, help_text="What the caller should know.")


class ErrorFieldsOutput(serializers.Serializer[CapturedError]):
    id = serializers.UUIDField()
    message = serializers.CharField()
    error_type = serializers.CharField(allow_blank=True)
    context = serializers.DictField()  # type: ignore[assignment]
    signature = serializers.CharField()
    knowledge_id = serializers.UUIDField(allow_null=True, help_text="The problem that it counts for.")
    matched_by = serializers.ChoiceField(choices=CapturedError.MatchedBy.values)
    confidence = serializers.FloatField()
    solution_id = serializers.UUIDField(allow_null=True, help_text="What was recommended.")
    solved = serializers.BooleanField(allow_null=True, help_text="Whether that helped; null: not said yet.")
    operation_id = serializers.UUIDField(allow_null=True)
    agent_id = serializers.CharField(allow_null=True)
    user_id = serializers.CharField(allow_null=True)
    session_id = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class ErrorOutput(Output):
    error = ErrorFieldsOutput()
    knowledge = KnowledgeWithSolutions(allow_null=True, help_text="The problem that it counts for.")


class ErrorCapturedOutput(Output):
    error = ErrorFieldsOutput()
    match = MatchFieldsOutput(allow_null=True, help_text="The likeliest known problem; null: nothing is like it.")


# -- how rows are shown ---------------------------------------------------------------------------------


def names_of(output: type[serializers.Serializer[Any]]) -> tuple[str, ...]:
    return tuple(map(str, output().fields))


SOLUTION = names_of(SolutionOutput)
VERSION = names_of(KnowledgeVersionOutput)
ERROR = names_of(ErrorFieldsOutput)
KNOWLEDGE = tuple(name for name in names_of(KnowledgeFieldsOutput) if name != "replaced_by")


def solution_fields(shown: Solution) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in SOLUTION}


def knowledge_fields(shown: Knowledge) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in KNOWLEDGE} | {"replaced_by": shown.replaced_by_id}


def with_solutions(shown: Knowledge, solutions: Iterable[Solution]) -> dict[str, Any]:
    return knowledge_fields(shown) | {"solutions": [solution_fields(each) for each in best_first(solutions)]}


def version_fields(shown: KnowledgeVersion) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in VERSION}


def match_fields(shown: ProblemMatch) -> dict[str, Any]:
    return {
        "confidence": shown.confidence,
        "matched_by": shown.matched_by,
        "why": shown.why,
        "knowledge": knowledge_fields(shown.knowledge),
        "solutions": [solution_fields(each) for each in shown.solutions],
    }


def error_fields(shown: CapturedError) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in ERROR}
