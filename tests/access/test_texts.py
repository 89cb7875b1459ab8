"""Agent-written text as it is shown: escaped, and with nothing hidden in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryhub.access import texts

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MARKER = re.compile(r'<span class="hub-hidden"[^>]*>U\+([0-9A-F]+)</span>')


@pytest.mark.parametrize(
    "character", ["\u202e", "\u200b", "\u2066", "\ufeff", "\x1b", "\x00", "\u3164", "\U000e0041", "\xad"]
)
def test_hidden_characters_are_written_out(character: str) -> None:
    shown = texts.visible(f"a{character}b")
    assert character not in shown
    assert f"U+{ord(character):04X}" in shown


@pytest.mark.parametrize(
    "text", ["plain", "日本語", "naïve – “quoted”", "👩\u200d🚀", "line\r\nbreak\ttab", "עברית", "🏳️\u200d🌈"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert unescape(texts.visible(text)) == text


@given(st.text())
def test_nothing_is_lost_and_no_tag_gets_through(text: str) -> None:
    shown = str(texts.visible(text))
    back = unescape(MARKER.sub(lambda found: f"&#xF0000;{found[1]};", shown))
    assert "<" not in MARKER.sub("", shown)
    assert len(back) >= len(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_json_is_escaped_whatever_it_holds(value: Any) -> None:
    shown = re.sub(r'</?span( class="hub-[a-z]+")?( title="[^"<]*")?>', "", str(texts.json_html(value)))
    assert "<" not in shown


def test_json_tells_names_texts_and_numbers_apart() -> None:
    shown = str(texts.json_html({"a": ["b", 1, None]}))
    for kind in ("name", "text", "number", "literal"):
        assert f'class="hub-{kind}"' in shown


def test_a_very_long_value_says_what_it_left_out() -> None:
    assert "more characters" in texts.json_html("x" * (texts.LONGEST + 10))


def test_a_page_is_revealed_outside_of_its_markup() -> None:
    page = (
        '<title>a\u200b</title><a title="x\u202e">y\u202ez</a><textarea>keep\u200b</textarea><script>"\u200b"</script>'
    )
    shown = texts.revealed(page)
    assert "<title>aU+200B</title>" in shown
    assert ">y<span" in shown
    assert "<textarea>keep\u200b</textarea>" in shown
    assert '<script>"\u200b"</script>' in shown
    assert 'title="x\u202e"' in shown


def test_a_page_without_hidden_characters_is_not_touched() -> None:
    page = "<p>nothing here: é 日本 👩\u200d🚀</p>"
    assert texts.revealed(page) == page


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (NOW, "just now"),
        (NOW - timedelta(seconds=40), "40 s ago"),
        (NOW - timedelta(minutes=1), "1 minute ago"),
        (NOW - timedelta(hours=3), "3 hours ago"),
        (NOW + timedelta(days=2), "in 2 days"),
        (NOW + timedelta(days=4, hours=23, minutes=59), "in 5 days"),
        (NOW - timedelta(days=800), "2 years ago"),
    ],
)
def test_times_in_words(moment: datetime, said: str) -> None:
    assert texts.relative(moment, NOW) == said
