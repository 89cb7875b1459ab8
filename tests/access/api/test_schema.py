"""What endpoints say about themselves: problems with their media type, pages, and the key."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.schema import ALWAYS, PAGE_PARAMETERS, page_of, problem_responses
from memoryhub.access.api.views import HubView


class ThingOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class ThingsView(HubView):
    @extend_schema(parameters=PAGE_PARAMETERS, responses={200: page_of(ThingOutput), **problem_responses(404, 409)})
    def get(self, request: Request) -> Response:
        """Things."""
        return Response({})


@pytest.fixture
def schema() -> Any:
    generator: Any = SchemaGenerator
    return generator(patterns=[path("memory/things", ThingsView.as_view())]).get_schema(public=True)


def test_every_problem_is_named_with_its_media_type(schema):
    answers = schema["paths"]["/memory/things"]["get"]["responses"]
    of_bodies = {"413", "415"}
    assert set(answers) == {"200", *(str(code) for code in ALWAYS), "404", "409"} - of_bodies
    for code, answer in answers.items():
        expected = "application/json" if code == "200" else "application/problem+json"
        assert list(answer["content"]) == [expected]
        assert answer["description"] or code == "200"


def test_a_page_has_results_and_next(schema):
    page = schema["components"]["schemas"]["ThingPage"]["properties"]
    assert page["results"]["items"] == {"$ref": "#/components/schemas/ThingOutput"}
    assert page["next"]["nullable"] is True
    names = {parameter["name"] for parameter in schema["paths"]["/memory/things"]["get"]["parameters"]}
    assert names >= {"limit", "cursor"}


def test_the_key_is_the_way_in(schema):
    assert schema["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    assert {"ApiKey": []} in schema["paths"]["/memory/things"]["get"]["security"]
