"""The same work has one digest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures_app.digests import operation_digest, work_digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda node: st.lists(node, max_size=3) | st.dictionaries(st.text(max_size=4), node, max_size=3),
    max_leaves=8,
)


@given(st.text(max_size=20), st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_the_order_of_keys_and_the_case_of_words_do_not_matter(action, given):
    turned = dict(reversed(given.items()))
    assert work_digest(action, given) == work_digest(f"  {action.casefold()} ", turned)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"n": 1}, {"n": 1.0}),
        (None, {}),
        ({"é": "é"}, {"é": "é"}),
        ({"a": [1, {"b": 2, "c": 3}]}, {"a": [1, {"c": 3, "b": 2}]}),
    ],
)
def test_one_value_written_in_two_ways(one, other):
    assert work_digest("Send", one) == work_digest("send", other)


def test_other_work_has_another_one():
    digests = {
        work_digest("send", {"to": "pat"}),
        work_digest("send", {"to": "ada"}),
        work_digest("send it", {"to": "pat"}),
        work_digest("send", [1, 2]),
        work_digest("send", [2, 1]),
        work_digest("send", True),
        work_digest("send", 1),
        operation_digest("mail", "send", {"to": "pat"}),
        operation_digest("post", "send", {"to": "pat"}),
    }
    assert len(digests) == 9
