"""What a search request takes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.conf import settings
from rest_framework import serializers

from memoryhub.access.api.fields import Choice
from memoryhub.access.api.serializers import Input
from memoryhub.search.requests import (
    KIND_NAMES,
    LAYER_ALIASES,
    LAYERS,
    LONGEST_QUERY,
    MODES,
    MOST_RESULTS,
    MOST_TAGS,
    SCOPES,
    Filters,
)

FILTER_LAYERS = (*LAYERS, *LAYER_ALIASES)


def name_field(help_text: str) -> serializers.CharField:
    return serializers.CharField(
        required=False, allow_null=True, max_length=settings.CONFIG.limits.key_length, help_text=help_text
    )


class FilterFields(Input):
    """What results must be like. A filter that is left out, or null, asks nothing."""

    scope = Choice(SCOPES, required=False, allow_null=True, help_text="Who may see it.")
    layer = Choice(FILTER_LAYERS, required=False, allow_null=True, help_text="How long it lives.")
    category = name_field("Category of the entry.")
    tags = serializers.ListField(
        child=serializers.CharField(max_length=settings.CONFIG.limits.key_length),
        required=False,
        allow_null=True,
        max_length=MOST_TAGS,
        help_text="All of these tags.",
    )
    memory_type = name_field("For example episodic.")
    source = name_field("Where the entry came from.")  # type: ignore[assignment]
    agent_id = name_field("The agent that owns it.")
    author = name_field("Who wrote it; the speaker of a message.")
    since = serializers.DateTimeField(required=False, allow_null=True, help_text="Said or changed then or later.")
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="Said or changed before.")
    importance_min = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1)
    parent_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Children of this entry; 404 if there is none."
    )
    include_archived = serializers.BooleanField(required=False, default=False)


class SearchInput(FilterFields):
    query = serializers.CharField(max_length=LONGEST_QUERY, help_text="What to find, in words.")
    mode = Choice(
        MODES,
        default="hybrid",
        help_text="`keyword`: words, any of them counts; `semantic`: meaning; `hybrid`: both; "
        "`fuzzy`: words in spite of typing errors.",
    )
    kinds = serializers.ListField(
        child=Choice(tuple(KIND_NAMES)),
        required=False,
        max_length=len(KIND_NAMES),
        help_text="`entry`, `message`, `knowledge`, `work`, `procedure`; entries and messages if left out.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST_RESULTS, default=10)
    boost = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=1),
        required=False,
        help_text="What to prefer besides, each weighing 0 to 1: `recency`, `strength`, `priority`.",
    )
    explain = serializers.BooleanField(default=False, help_text="Say for each result how its score came about.")
    tenant_id = name_field("Your key's tenant; a platform key names one.")
    user_id = name_field("Whose memories to search besides the shared ones.")
    session_id = name_field("Makes the memories of this session visible. An unknown name adds nothing.")


def filters_of(data: dict[str, Any]) -> Filters:
    return Filters(**{item.name: data[item.name] for item in fields(Filters) if item.name in data})
