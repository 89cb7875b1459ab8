"""Template tags of the procedure desk: the controls of its editor, and words for what a procedure says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from procedures_app import procedure_words

register = template.Library()
EMPTY = mark_safe("")


@dataclass(frozen=True, slots=True)
class Control:
    """A control of the form; ``place`` is its name and its id, ``extra`` further attributes."""

    kind: str
    place: str
    value: str
    label: str
    extra: SafeString
    choices: Iterable[tuple[str, str]]
    rows: int

    def html(self) -> SafeString:
        if self.kind == "check":
            return self.checkbox()
        named = format_html('<label for="{}">{}</label>', self.place, self.label)
        drawn = {"select": self.select, "text": self.area, "code": self.area}.get(self.kind, self.line)
        return named + drawn()

    def checkbox(self) -> SafeString:
        checked = mark_safe(" checked") if self.value else EMPTY
        box = '<label class="desk-check"><input type="checkbox" name="{}" id="{}" value="on"{}{}> {}</label>'
        return format_html(box, self.place, self.place, checked, self.extra, self.label)

    def area(self) -> SafeString:
        mono = mark_safe(' class="desk-code" spellcheck="false"') if self.kind == "code" else EMPTY
        # the parser drops one newline after the tag: it is not one of the text's
        area = '<textarea name="{}" id="{}" rows="{}"{}{}>\n{}</textarea>'
        return format_html(area, self.place, self.place, self.rows, mono, self.extra, self.value)

    def line(self) -> SafeString:
        mode = mark_safe(' inputmode="numeric"') if self.kind == "number" else EMPTY
        line = '<input type="text" name="{}" id="{}" value="{}" autocomplete="off"{}{}>'
        return format_html(line, self.place, self.place, self.value, mode, self.extra)

    def select(self) -> SafeString:
        """A value that is no choice is kept, and shown to be none."""
        known = [(str(one), str(says)) for one, says in self.choices]
        if self.value not in [one for one, _ in known]:
            known.insert(0, (self.value, f"{self.value} (not known)" if self.value else "choose"))
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((one, mark_safe(" selected") if one == self.value else EMPTY, says) for one, says in known),
        )
        return format_html('<select name="{}" id="{}"{}>{}</select>', self.place, self.place, self.extra, options)


@register.simple_tag
def control(  # noqa: PLR0917 - as a template says it
    form: Any,
    row: Mapping[str, Any],
    at: str,
    name: str,
    label: str,
    kind: str = "line",
    *,
    hint: str = "",
    choices: Iterable[tuple[str, str]] = (),
    css: str = "",
    rows: int = 2,
    required: bool = False,
) -> SafeString:
    """A label, its control with what was typed, a hint, and what is wrong with it.

    ``kind`` is line, text, code, number, select or check; ``at`` the place of the row.
    """
    place = f"{at}.{name}" if at else name
    wrong = problems(form, place)
    extra = attributes(form, place, hint=bool(hint), wrong=bool(wrong), required=required)
    drawn = Control(kind, place, str(row.get(name) or ""), label, extra, choices, rows).html()
    hinted = format_html('<p class="desk-hint" id="{}-hint">{}</p>', place, hint) if hint else EMPTY
    return format_html('<div class="desk-control {}">{}{}{}</div>', css, drawn, hinted, wrong)


def attributes(form: Any, place: str, *, hint: bool, wrong: bool, required: bool) -> SafeString:
    told = " ".join(f"{place}-{part}" for part, so in (("hint", hint), ("problems", wrong)) if so)
    found = format_html(' aria-describedby="{}"', told) if told else EMPTY
    found += mark_safe(' aria-invalid="true"') if form.has_errors(place) else EMPTY
    return found + (mark_safe(' aria-required="true"') if required else EMPTY)


def problems(form: Any, place: str) -> SafeString:
    found = form.problems_at(place)
    if not found:
        return EMPTY
    lines = format_html_join(
        "",
        '<li class="desk-{}"><span class="hub-sr">{}: </span>{}</li>',
        ((one.level, one.level.capitalize(), one.message) for one in found),
    )
    return format_html('<ul class="desk-problems" id="{}-problems">{}</ul>', place, lines)


@register.filter
def percent(share: float) -> str:
    return f"{share:.0%}"


register.filter("step_kind", procedure_words.kind_says)
register.filter("field_says", procedure_words.field_says)
register.filter("check_says", procedure_words.check_says)
register.filter("limits", procedure_words.step_limits)
