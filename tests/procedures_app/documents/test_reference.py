"""The reference in docs/procedures.md: its examples are read as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from procedures_app import documents
from procedures_app.documents.shapes import DocumentShape, FieldShape, PreconditionShape, RequestShape, StepShape
from tests.procedures_app.documents.samples import document, step

TEXT = (Path(__file__).parents[3] / "docs" / "procedures.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    found = re.search(rf"^(`{{3,}}){kind}\n(.*?)^\1$", TEXT, re.DOTALL | re.MULTILINE)
    assert found, kind
    return found[2]


def test_the_full_example_can_be_published():
    found = documents.parse(block("yaml"))
    hosts = ["ci.example.com"]
    known = {"announce-a-release": document(step(), name="announce-a-release", inputs=[{"name": "what"}])}
    assert documents.check(found, known, hosts, secrets={"ci_token": hosts}, publishing=True) == []
    assert {one["kind"] for one in found["steps"]} == {"memory", "instruction", "confirmation", "http", "procedure"}


def test_the_markdown_example():
    found = documents.parse(block("markdown"))
    assert [one["title"] for one in found["steps"]] == ["Run the tests", "Roll it out"]
    assert found["steps"][0]["evidence"][0]["must_be"] is True


def test_the_list():
    tests, ask, _ = documents.parse(block("text"))["steps"]
    assert [(one["type"], one["required"]) for one in tests["evidence"]] == [("boolean", True), ("url", False)]
    assert ask["kind"] == "confirmation"


@pytest.mark.parametrize("shape", [DocumentShape, StepShape, FieldShape, PreconditionShape, RequestShape])
def test_every_key_is_described(shape: type[DocumentShape]):
    for name, field in shape.model_fields.items():
        assert f"`{field.alias or name}" in TEXT, name
