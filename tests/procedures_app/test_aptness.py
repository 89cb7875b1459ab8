"""How apt a procedure or a known problem is for a task, and what tells two tasks apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures_app.aptness import aptness
from procedures_app.particulars import same_particulars

TASK = "Deploy backend v3.1.195 to production"
DEPLOYMENT = "Memory-Aware Deployment. Look at how earlier deployments went, then bring a version to production."
KINDS = st.none() | st.sampled_from(["deployment", "testing", "error_resolution"])
TEXTS = st.text(max_size=40) | st.sampled_from([TASK, DEPLOYMENT, ""])
COSINES = st.none() | st.floats(-1, 1)


@given(TEXTS, TEXTS, COSINES, KINDS, KINDS)
def test_it_is_bounded(task, text, cosine, kind, meant_for):
    assert 0 <= aptness(task, text, cosine, kind=kind, meant_for=meant_for) <= 1


@given(TEXTS, TEXTS, st.tuples(st.floats(-1, 1), st.floats(-1, 1)), KINDS, KINDS)
def test_it_grows_with_nearness(task, text, cosines, kind, meant_for):
    low, high = sorted(cosines)
    kinds = {"kind": kind, "meant_for": meant_for}
    assert aptness(task, text, low, **kinds) <= aptness(task, text, high, **kinds) + 1e-12


def test_the_kind_of_work_counts_most():
    named, said, open_, other = (
        aptness(task, DEPLOYMENT, 0.5, kind=kind, meant_for="deployment")
        for task, kind in (
            (TASK, "deployment"),
            (TASK, None),
            ("Fix the memory leak in production", None),
            (TASK, "testing"),
        )
    )
    assert named > 0.9
    assert 0.8 < said < named
    assert open_ < 0.5
    assert other < said
    assert aptness("Resolve this error", "…", None, kind=None, meant_for="error_resolution") >= 0.8


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Deploy backend v3.1.194", "Deploy backend v3.1.195", False),
        ("Deploy backend v3.1.195", "deploy the backend V3.1.195.", True),
        ("Send the mail to Pat", "Send the mail to Ada", False),
        ("Send the mail to Pat", "send mail to pat", True),
        ("Send the mail", "Send the mail to Pat", False),
        ("Call ada@example.com", "Call pat@example.com", False),
        ('Rename "left"', 'Rename "right"', False),
        ("Paint the fence. Then rest", "Paint the fence, then rest", True),
    ],
)
def test_versions_numbers_and_names_tell_tasks_apart(one: str, other: str, same: bool):
    assert same_particulars(one, other) is same
    assert same_particulars(other, one) is same
