"""Two descriptions of work are alike when only versions, numbers and names differ, and not when the verb undoes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures_app.matching import task_likeness

DEPLOY = "Deploy backend v3.1.195 to production"


def likeness(asked: str, known: str, cosine: float | None = None, same_kind: bool = False) -> float:
    return task_likeness(asked, known, cosine, same_kind=same_kind)


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (DEPLOY, "Deploy backend v3.1.194 to production"),
        ("Fix login bug", "Fix the login bug"),
        ("Rotate TLS certificates on web-1", "Rotate TLS certificates on web-2"),
        ("Back up the orders database", "Backing up the orders database"),
    ],
)
def test_variable_parts_do_not_tell_tasks_apart(asked, known):
    assert likeness(asked, known) == likeness(known, asked) == 0.98


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (DEPLOY, "Roll back backend v3.1.195 in production"),
        ("Back up the orders database", "Restore the orders database"),
        ("Create user anna", "Delete user anna"),
        ("Start the relay", "Shut down the relay"),
    ],
)
def test_opposite_verbs_keep_tasks_apart_however_near_their_meanings(asked, known):
    assert likeness(asked, known) < 0.5
    assert likeness(asked, known, cosine=0.95, same_kind=True) < 0.5


def test_the_same_text_is_one_and_nothing_is_like_nothing():
    assert likeness(DEPLOY, "deploy  backend v3.1.195 to production") == 1.0
    assert likeness("", "") == 0.0
    assert likeness("", DEPLOY) == 0.0


def test_other_work_is_less_alike_the_less_it_shares():
    frontend, report = (
        likeness(DEPLOY, "Deploy frontend v3 to production"),
        likeness(DEPLOY, "Write the monthly report"),
    )
    assert 0.98 > frontend > report
    assert report < 0.1


def test_meaning_and_kind_count():
    other = "Ship the newest server build to live"
    assert likeness(DEPLOY, other, cosine=0.8) > likeness(DEPLOY, other, cosine=0.3)
    assert likeness(DEPLOY, other, cosine=0.8, same_kind=True) > likeness(DEPLOY, other, cosine=0.8)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.none() | st.floats(-1, 1), st.booleans())
def test_any_texts_have_a_likeness_within_bounds(asked, known, cosine, same_kind):
    assert 0.0 <= likeness(asked, known, cosine, same_kind) <= 1.0
