"""The work grows with the length of the text and not with its square, whatever the text.

Steps of the regular expressions cannot be counted; a pattern that goes wrong takes minutes on these, so that
a generous limit of processor time tells and a busy machine does not.
"""

from __future__ import annotations

import time

import pytest

from procedures_app.signatures import read

LENGTH = 65_536
PIECES = [
    *("a", "a.", "/a", "a:", "1", "a1-", "'a ", '"', "\n", "a\n", " ", "[", "E", "Error", "A.Error:", "2023-01-01 "),
    *("::", "{", '{"a":', '{"a":1}\n', "Caused by: a\n", "Caused by:\n", "Traceback (most recent call last):\n", "-"),
    *("a=b", "a@", "é", "😀", "\ud800", "ERROR ", "a | ", "a@b.", "(a", "%a", "${", "1.2.3.4:", "\x1b[", "\x1b[0;"),
    *("thread 'a' panicked at 'a', ", "f.c:1:2: error: x\n", "<a", "A", "Aa", "a::", "a->", "0x", "\\\\a", "C:\\"),
]


@pytest.mark.parametrize("piece", PIECES)
def test_the_longest_text_is_read_at_once(piece):
    began = time.process_time()
    read(piece * (LENGTH // len(piece)))
    assert time.process_time() - began < 5


def test_of_a_longer_text_both_ends_are_read():
    middle = "x" * 3 * LENGTH
    assert read(f"ValueError: bad\n{middle}").error_type == "ValueError"
    assert read(f"{middle}\nValueError: bad").error_type == "ValueError"
