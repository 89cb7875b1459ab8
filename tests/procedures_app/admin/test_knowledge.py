"""Knowledge in the admin: who gets in, what is listed, what the page of a problem says."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from procedures_app.models import Knowledge
from procedures_app.selectors_knowledge import GROUNDS
from tests.procedures_app import rows

HOSTILE = "<script>alert(1)</script> \u202e{{ 7*7 }}"
MODELS = [
    "knowledge",
    "solution",
    "knowledgeversion",
    "capturederror",
    "feedback",
    "operation",
    "workrecord",
    "enforcementrule",
]
READ_ONLY = [name for name in MODELS if name != "enforcementrule"]

pytestmark = pytest.mark.usefixtures("tenant")


def address(model: str, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:procedures_app_{model}_{page}", args=args)


def page_of(browser: Client, knowledge: Knowledge, query: str = "") -> Any:
    return browser.get(address("knowledge", "change", knowledge.pk) + query)


def listed(browser: Client, query: str = "") -> set[str]:
    found = browser.get(address("knowledge") + query)
    assert found.status_code == 200
    return {row.title for row in found.context["cl"].result_list}


@pytest.mark.parametrize("model", MODELS)
def test_nobody_gets_in_without_signing_in_or_without_a_role(model: str, sign_in: Any) -> None:
    rows.one_of_each("acme", "words")
    assert Client().get(address(model)).status_code == 302
    assert sign_in("").get(address(model)).status_code == 403
    for role in ("Administrator", "Procedure editor", "Conflict reviewer", "Auditor"):
        assert sign_in(role).get(address(model)).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY)
def test_records_are_not_added_changed_or_deleted_by_form(model: str, sign_in: Any) -> None:
    rows.one_of_each("acme", "words")
    browser = sign_in("Administrator")
    row = browser.get(address(model)).context["cl"].result_list[0]
    assert browser.get(address(model, "change", row.pk)).status_code == 200
    assert browser.get(address(model, "add")).status_code == 403
    assert browser.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_the_list_finds_what_needs_a_person_and_says_why(sign_in: Any) -> None:
    rows.problem("acme", "calm")
    rows.problem("acme", "often", occurrences=3, rates=[(4, 1)])
    rows.problem("acme", "unsolved", occurrences=3, rates=[], verified_by="ada")
    rows.problem("acme", "contradicting", rates=[(5, 0), (0, 5)])
    rows.problem("acme", "failing", rates=[(0, 5)])
    rows.problem("acme", "a new way waits", rates=[(0, 5), (0, 0)])
    rows.problem("acme", "gone", occurrences=9, status="archived")
    browser = sign_in("Auditor")
    needs = {ground.name: listed(browser, f"?needs={ground.name}") for ground in GROUNDS}
    assert needs == {
        "unsolved": {"unsolved"},
        "failing": {"failing"},
        "contradicting": {"contradicting"},
        "unverified": {"often"},
    }
    assert listed(browser, "?needs=any") == {"often", "unsolved", "contradicting", "failing"}
    assert "Solutions contradict" in browser.get(address("knowledge")).content.decode()


def test_the_list_is_narrowed_by_words_tag_and_verification(sign_in: Any) -> None:
    rows.problem("acme", "first", tags=["db"], verified_by="ada")
    second = rows.problem("acme", "second")
    browser = sign_in("Auditor")
    assert listed(browser, "?tag=db") == listed(browser, "?verified=yes") == {"first"}
    assert listed(browser, "?verified=no") == listed(browser, "?q=second") == {"second"}
    assert listed(browser, f"?q={second.pk}") == {"second"}


def test_the_page_shows_problem_solutions_occurrences_and_what_rates_start_with(sign_in: Any) -> None:
    known = rows.problem("acme", "The pool is exhausted", occurrences=4, rates=[(4, 1), (0, 3), (0, 0)])
    rows.error(known, "PoolError: no connection after 31 s", solved=True)
    page = page_of(sign_in("Auditor"), known).content.decode()
    assert "4 of 5 tries worked" in page
    assert "0 of 3 tries worked" in page
    assert "Not tried yet" in page
    assert "an untried one stands at 50%" in page
    assert "The pool is exhausted after &lt;number&gt; s" in page
    assert "PoolError: no connection after 31 s" in page
    assert "Solutions contradict." in page
    assert "Met often, not verified." in page


def test_two_versions_are_compared(sign_in: Any) -> None:
    known = rows.problem("acme", "now")
    rows.version(known, 2, {"title": "then"})
    page = page_of(sign_in("Auditor"), known, "?compare=2&with=1").content.decode()
    assert "Version 1 against version 2" in page
    assert "<del>now</del>" in page
    assert "<ins>then</ins>" in page
    assert "against" not in page_of(sign_in("Auditor"), known, "?compare=1&with=99").content.decode()


def test_replaced_knowledge_says_by_what(sign_in: Any) -> None:
    kept = rows.problem("acme", "kept")
    dropped = rows.problem("acme", "dropped", status="merged", replaced_by=kept)
    browser = sign_in("Auditor")
    assert "Merged into" in page_of(browser, dropped).content.decode()
    assert "Takes the place of" in page_of(browser, kept).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_markup_and_hidden_characters_are_written_out(model: str, sign_in: Any) -> None:
    rows.one_of_each("acme", HOSTILE)
    browser = sign_in("Auditor")
    row = browser.get(address(model)).context["cl"].result_list[0]
    for page in (browser.get(address(model)), browser.get(address(model, "change", row.pk))):
        text = page.content.decode()
        assert "<script>alert" not in text
        assert "\u202e" not in text


def test_the_operation_page_shows_guidance_and_never_the_token(sign_in: Any) -> None:
    known = rows.problem("acme", "known problem")
    guidance = {
        "confidence": 0.91,
        "primary_recommendation": {
            "type": "solution",
            "title": "The pool is full",
            "text": "Raise the pool",
            "why": "it worked 4 of 5 times",
            "knowledge": str(known.pk),
        },
        "known_solutions": [{"title": "The pool is exhausted", "text": "Raise the pool", "confidence": 0.9}],
        "similar_work": [{"odd": "shape"}, "a text"],
        "warnings": [{"code": "w", "text": "It failed yesterday."}],
        "already_done": {"says": "Done yesterday by deploy-bot."},
    }
    done = rows.operation("acme", "Ship it", guidance=guidance, result={"url": "x"}, error_message="it broke")
    rows.error(known, "PoolError here", operation=done)
    rows.work("acme", "Shipped it", operation=done)
    page = sign_in("Auditor").get(address("operation", "change", done.pk)).content.decode()
    for words in ("Raise the pool", "it worked 4 of 5 times", "90%", "It failed yesterday.", "Done yesterday by"):
        assert words in page
    for words in ("odd", "a text", "PoolError here", "Shipped it", "it broke"):
        assert words in page
    assert address("knowledge", "change", known.pk) in page
    assert done.token_digest not in page


def test_odd_guidance_breaks_no_page(sign_in: Any) -> None:
    browser = sign_in("Auditor")
    odd: list[Any] = [[], {"primary_recommendation": 7, "warnings": {"a": 1}}, {"known_solutions": [None, 3, {}]}]
    for guidance in odd:
        done = rows.operation("acme", guidance=guidance)
        assert browser.get(address("operation", "change", done.pk)).status_code == 200


def test_work_without_consultation_and_errors_of_a_problem_are_found(sign_in: Any) -> None:
    known = rows.problem("acme")
    rows.error(known, "mine")
    rows.work("acme", "on its own")
    browser = sign_in("Auditor")
    assert "on its own" in browser.get(address("workrecord") + "?consulted=no").content.decode()
    assert "on its own" not in browser.get(address("workrecord") + "?consulted=yes").content.decode()
    assert "mine" in browser.get(address("capturederror") + f"?problem={known.pk}").content.decode()
    assert "mine" not in browser.get(address("capturederror") + "?problem=nonsense").content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_lists_cost_the_same_however_long(model: str, sign_in: Any, django_assert_max_num_queries: Any) -> None:
    browser = sign_in("Auditor")
    for number in range(4):
        rows.one_of_each("acme", f"words {number}") if number == 0 else more(number)
    browser.get(address(model))
    with django_assert_max_num_queries(18):
        browser.get(address(model))


def more(number: int) -> None:
    known = rows.problem("acme", f"problem {number}")
    done = rows.operation("acme", f"task {number}")
    rows.error(known, f"error {number}", operation=done)
    rows.work("acme", f"work {number}", operation=done)
    rows.rule("acme", f"kind_{number}")
