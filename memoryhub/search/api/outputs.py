"""What a search answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from memoryhub.access.api.serializers import Output
from memoryhub.search.requests import KINDS, MODES


class TermOutput(serializers.Serializer[Any]):
    term = serializers.CharField(help_text="The stem that matched.")
    frequency = serializers.FloatField(help_text="How often it stands in this memory.")
    memories = serializers.IntegerField(
        allow_null=True, help_text="How many of the compared memories hold it; null for a key bound to a user."
    )
    idf = serializers.FloatField(allow_null=True)
    bm25 = serializers.FloatField(help_text="What it adds to `bm25`.")
    asked = serializers.CharField(required=False, help_text="`fuzzy`: the word of the query that it stands for.")
    likeness = serializers.FloatField(required=False, help_text="`fuzzy`: how alike the two are; 1 for the same.")


class ExplainOutput(serializers.Serializer[Any]):
    """The parts sum up to the score."""

    score = serializers.FloatField()
    parts = serializers.DictField(
        child=serializers.FloatField(),
        help_text="`keyword`, `semantic`, `author`, `date`, `time`, `question`, `address`, `neighbors`, `session` and "
        "boosts, as far as they apply.",
    )
    bm25 = serializers.FloatField(allow_null=True)
    cosine = serializers.FloatField(
        allow_null=True, help_text="Of a message, the mean of that alone and that with the words before it."
    )
    terms = TermOutput(many=True)
    visible = serializers.CharField(help_text="Why the caller may see it.")


class ResultOutput(serializers.Serializer[Any]):
    """What was found; the fields of other kinds are missing."""

    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.UUIDField()
    score = serializers.FloatField(
        help_text="hybrid: 1 is best by words and meaning, other terms add; keyword: BM25; "
        "fuzzy: BM25 weighed by likeness; semantic: cosine."
    )
    entry_id = serializers.UUIDField(required=False)
    key = serializers.CharField(required=False)
    value = serializers.JSONField(required=False)
    layer = serializers.CharField(required=False)
    priority = serializers.CharField(required=False)
    updated_at = serializers.DateTimeField(required=False)
    session_id = serializers.CharField(required=False, allow_null=True)
    sequence = serializers.IntegerField(required=False)
    role = serializers.CharField(required=False)
    name = serializers.CharField(required=False, allow_null=True)
    content = serializers.CharField(required=False)
    at = serializers.DateTimeField(required=False)
    metadata = serializers.DictField(required=False)
    title = serializers.CharField(required=False)
    summary = serializers.CharField(required=False)
    category = serializers.CharField(required=False, allow_null=True)
    version = serializers.IntegerField(required=False)
    knowledge_type = serializers.CharField(required=False)
    solution = serializers.CharField(required=False, help_text="The best one known of a problem.")
    success_rate = serializers.FloatField(required=False)
    action = serializers.CharField(required=False)
    success = serializers.BooleanField(required=False, allow_null=True)
    explain = ExplainOutput(required=False)


class InterpretationOutput(serializers.Serializer[Any]):
    """How the query was read."""

    meaning = serializers.CharField(help_text="What was compared by meaning: names of speakers became `I`.")
    words = serializers.CharField(help_text="What was looked up as words: without names of speakers.")
    speakers = serializers.ListField(child=serializers.CharField(), help_text="Whose words are preferred.")
    dates = serializers.ListField(child=serializers.CharField(), help_text="`2024-05-07`, `2024-05`, `-----05-07`.")
    asks_when = serializers.BooleanField()


class SearchOutput(Output):
    query = serializers.CharField()
    mode = serializers.ChoiceField(choices=MODES)
    result_count = serializers.IntegerField()
    results = ResultOutput(many=True, help_text="Best first.")
    degraded = serializers.BooleanField(help_text="The model was not ready: words decided alone.")
    truncated = serializers.BooleanField(help_text="More memories than are compared; see `notice`.")
    notice = serializers.CharField(allow_null=True, help_text="What the caller should know.")
    interpretation = InterpretationOutput(required=False, help_text="With `explain`.")
