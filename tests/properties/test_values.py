"""Any JSON value comes back as it was stored."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoryhub.access.principals import Principal
from memoryhub.registry.content import LONGEST, text_of
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

pytestmark = pytest.mark.django_db
CALLER = Principal(kind="key", name="w", tenant_id="acme", agent_id="w", permissions=frozenset({"read", "write"}))

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5), max_leaves=20
)


def as_numbers(text: str) -> Any:
    """Parsed without rounding: numbers are compared as JSON means them, so 1e22 is 10000000000000000000000."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
def test_what_is_stored_is_what_is_retrieved(db: None, value: Any):
    entries.store(Draft(key="k", value=value), principal=CALLER)
    found = entries.retrieve(key="k", principal=CALLER)
    assert as_numbers(found.document)["value"] == as_numbers(json.dumps(value))


@pytest.mark.parametrize(
    "value", [0.1, -0.0, 1.0, 1e22, 5e-324, 1.7976931348623157e308, 2**63, -(10**300), 0.30000000000000004]
)
def test_numbers_keep_their_value(db: None, value: float):
    entries.store(Draft(key="k", value=value), principal=CALLER)
    found = entries.retrieve(key="k", principal=CALLER).value
    assert float(found) == float(value)


@given(value=values)
@settings(deadline=None)
def test_the_text_of_a_value_is_the_same_each_time_and_bounded(value: Any):
    text = text_of(value)
    assert text == text_of(json.loads(json.dumps(value)))
    assert len(text) <= LONGEST
    assert "\x00" not in text


def test_the_text_of_a_value_holds_its_keys_words_and_numbers():
    value = {"themePreference": "dark", "font_size": 14, "flags": [True, None, ""], "empty": {}, "n": {"a-b": 1.5}}
    assert text_of(value) == "theme Preference: dark\nfont size: 14\nflags: true\nflags\nflags\nn\na b: 1.5"
    assert text_of("words") == "words"
    assert len(text_of(["x" * 60_000] * 5)) <= LONGEST
