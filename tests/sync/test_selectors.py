"""Times as people say them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memoryhub.sync.selectors import span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 days")],
)
def test_a_span_is_told_in_its_largest_unit(seconds, said):
    assert span(timedelta(seconds=seconds)) == said
