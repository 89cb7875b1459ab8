"""Finding in spite of typing errors; and never a word of what the caller may not see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from memoryhub.access.models import Grant
from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow, KnownWord
from memoryhub.search.requests import USUAL_KINDS, Filters
from memoryhub.search.services import index, vocabulary
from memoryhub.search.services.fuzzy import search_words
from memoryhub.search.services.search import SearchAnswer
from tests.search.conftest import STAFF, Find, Remember, add, caller, ids, index_row

pytestmark = pytest.mark.django_db


def read_all() -> None:
    """What the relay does with the words of what was stored."""
    for tenant in ("acme", "other", None):
        principal = system_principal("test", tenant)
        after: UUID | None = vocabulary.BEFORE_ALL
        while after:
            after = vocabulary.learn_lacking(principal=principal, after=after)


@pytest.fixture
def learn(remember: Remember) -> Remember:
    """As ``remember``, with its words read."""

    def make(content: str, **fields: Any) -> UUID:
        id_ = remember(content, vector=False, **fields)
        read_all()
        return id_

    return make


@pytest.fixture
def fuzzy(find: Find) -> Find:
    def run(query: str, **wanted: Any) -> SearchAnswer:
        return find(query, mode="fuzzy", **wanted)

    return run


def terms(answer: SearchAnswer) -> dict[str, tuple[str, float]]:
    """Of the best result: per word of the query the word that was found, and how alike they are."""
    [best, *_] = answer.results
    return {term["asked"]: (term["term"], round(term["likeness"], 2)) for term in best["explain"]["terms"]}


def told(query: str, principal: Principal) -> dict[UUID, list[str]]:
    """Per row that the caller may see the words that were found in it."""
    found = search_words(query=query, kinds=USUAL_KINDS, filters=Filters(), limit=10, principal=principal)
    return {row.id: [term[0] for term in row.terms or ()] for row in found.candidates}


@pytest.mark.parametrize("typo", ["recieve", "receve", "receivve", "recaive", "receiv", "erceive"])
def test_a_word_is_found_by_a_typo_of_it(typo: str, learn: Remember, fuzzy: Find):
    wanted = learn("You receive a parcel")
    learn("Nothing comes today")

    assert ids(fuzzy(typo)) == [wanted]


@pytest.mark.parametrize("typo", ["Jonh", "Jhon", "Johm", "Jon", "Johhn", "jphn"])
def test_short_names_are_found_by_one_slip(typo: str, learn: Remember, fuzzy: Find):
    wanted = learn("John likes rowing")
    learn("Mary likes sailing")

    assert ids(fuzzy(typo)) == [wanted]


def test_a_key_is_found_by_its_misspelled_parts(learn: Remember, fuzzy: Find):
    wanted = learn("user_preferences.theme dark", key="user_preferences.theme")
    learn("user_preferences.language German")

    found = fuzzy("user_prefrences.theem", explain=True)

    assert ids(found)[0] == wanted
    assert terms(found) == {
        "user": ("user", 1.0),
        "prefrences": ("preferences", 0.91),
        "theem": ("theme", 0.8),
    }


def test_parts_sum_up_to_the_score(learn: Remember, fuzzy: Find):
    learn("the preference is a dark theme")
    learn("another preference")

    for result in fuzzy("prefrence for a drak theme", explain=True).results:
        explain = result["explain"]
        assert explain["bm25"] == pytest.approx(sum(term["bm25"] for term in explain["terms"]))
        assert result["score"] == pytest.approx(explain["bm25"])


def test_the_word_itself_comes_first_however_rare_and_frequent_others_are(learn: Remember, fuzzy: Find):
    exact = learn("the contact of the plumber, whom we called twice last year because of the kitchen")
    for number in range(12):
        learn(f"contract {number} contract contract")
    learn("contrast contrast")

    assert ids(fuzzy("contact"))[0] == exact
    assert ids(fuzzy("contrast"))[0] != exact


def test_a_word_counts_once_in_a_row_however_many_others_are_like_it(learn: Remember, fuzzy: Find):
    several = learn("preference preferable reference deference")
    found = fuzzy("prefrence", explain=True)

    assert ids(found) == [several]
    assert terms(found) == {"prefrence": ("preference", 0.9)}


def test_words_are_found_at_once_before_they_were_read(remember: Remember, fuzzy: Find):
    wanted = remember("a dark theme", vector=False)

    assert ids(fuzzy("theme")) == [wanted]
    assert ids(fuzzy("theem")) == []
    read_all()
    assert ids(fuzzy("theem")) == [wanted]


def test_stop_words_numbers_and_very_short_words_stand_for_nothing_else(learn: Remember, fuzzy: Find):
    learn("wire form 12346 cab")

    assert ids(fuzzy("were from 12345 car")) == []


def test_other_modes_know_no_typos(learn: Remember, find: Find):
    learn("a dark theme")

    assert ids(find("theem", mode="keyword")) == []


def test_filters_and_kinds_hold(learn: Remember, fuzzy: Find):
    learn("a dark theme", category="rejected")
    wanted = learn("a light theme", category="wanted")
    assert ids(fuzzy("theem", filters=Filters(category="wanted"))) == [wanted]
    assert ids(fuzzy("theem", kinds=["message"])) == []


def test_the_same_query_gives_the_same_order(learn: Remember, fuzzy: Find):
    for number in range(20):
        learn(f"theme {number} thyme")

    assert ids(fuzzy("theem")) == ids(fuzzy("theem"))


# -- authors ------------------------------------------------------------------------------------------


def test_what_somebody_wrote_is_found_by_his_misspelled_name(learn: Remember, fuzzy: Find):
    wanted = learn("The boat leaves at nine", author="John Miller")
    learn("The train leaves at ten", author="Mary")

    found = fuzzy("Jonh", explain=True)

    assert ids(found) == [wanted]
    assert terms(found) == {"jonh": ("john", 0.75)}


def test_a_name_and_a_word_together_come_before_each_alone(learn: Remember, fuzzy: Find):
    both = learn("The boat leaves at nine", author="John")
    learn("The boat sank", author="Mary")
    learn("No time today", author="John")

    found = fuzzy("Jonh baot", explain=True)

    assert ids(found)[0] == both
    assert len(ids(found)) == 3
    assert set(terms(found)) == {"jonh", "baot"}


def test_a_name_counts_once_whether_written_or_said(learn: Remember, fuzzy: Find):
    learn("John here", author="John")
    learn("nothing", author="Mary")

    [best] = fuzzy("Jonh", explain=True).results

    assert [term["term"] for term in best["explain"]["terms"]] == ["john"]


@pytest.mark.parametrize("author", ["user", "key:01a1fdb6-a372-7e3c-8b6f-32e3c560a330"])
def test_roles_and_keys_are_no_names(author: str, learn: Remember, fuzzy: Find):
    learn("The boat leaves at nine", author=author)

    assert ids(fuzzy("users keys key")) == []


def test_names_of_those_whose_memories_are_hidden_find_nothing(learn: Remember, fuzzy: Find):
    learn("The boat leaves at nine", author="John", scope="user", user_id="someone")

    assert ids(fuzzy("Jonh")) == []


def test_filters_hold_for_authors(learn: Remember, fuzzy: Find):
    learn("The boat leaves at nine", author="John", category="rejected")
    wanted = learn("The boat leaves at ten", author="John", category="wanted")

    assert ids(fuzzy("Jonh", filters=Filters(category="wanted"))) == [wanted]


# -- upkeep -------------------------------------------------------------------------------------------


def known(word: str) -> int:
    with behind_walls(STAFF):
        return KnownWord.objects.filter(word=word).count()


def test_words_go_with_their_row(learn: Remember, fuzzy: Find):
    row = learn("a secret kestrel")
    assert known("kestrel") == 1

    index.remove(principal=STAFF, ids=[row])

    assert known("kestrel") == 0
    assert ids(fuzzy("kestrle")) == []


def test_words_that_were_changed_away_are_gone_at_once(learn: Remember, fuzzy: Find):
    row = learn("a secret kestrel")

    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=row).update(content="an open falcon", version=2)

    assert known("kestrel") == 0
    read_all()
    assert ids(fuzzy("flacon")) == [row]


def test_a_frequent_word_is_kept_a_few_times_only(learn: Remember, remember: Remember, fuzzy: Find):
    rows = [remember(f"kestrel {number}", vector=False) for number in range(20)]
    read_all()
    assert known("kestrel") == vocabulary.ENOUGH

    index.remove(principal=STAFF, ids=rows[: vocabulary.ENOUGH - 1])
    learn("another kestrel")

    assert known("kestrel") == 2
    assert len(ids(fuzzy("kestrle", limit=50))) == 20 - vocabulary.ENOUGH + 2


def test_a_row_that_expires_keeps_no_word_from_one_that_stays(learn: Remember, remember: Remember, fuzzy: Find):
    soon = now() + timedelta(hours=1)
    for _ in range(vocabulary.ENOUGH):
        remember("kestrel", vector=False, expires_at=soon)
    read_all()
    learn("kestrel")

    assert known("kestrel") == vocabulary.ENOUGH + 1


def test_words_follow_a_row_to_another_reach(learn: Remember, fuzzy: Find):
    row = learn("a secret kestrel", scope="user", user_id="u")

    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=row).update(user_id="v")
    read_all()

    assert told("kestrle", caller(named_user="u")) == {}
    assert told("kestrle", caller(named_user="v")) == {row: ["kestrel"]}


def test_archived_memories_are_found_when_asked_for(learn: Remember, fuzzy: Find):
    row = learn("a secret kestrel", archived=True)

    assert ids(fuzzy("kestrle")) == []
    assert ids(fuzzy("kestrle", filters=Filters(include_archived=True))) == [row]


# -- walls --------------------------------------------------------------------------------------------

HIDDEN: list[dict[str, Any]] = [
    {"scope": "user", "user_id": "someone"},
    {"scope": "session", "session_id": "elsewhere"},
    {"scope": "agent", "agent_id": "other"},
    {"tenant_id": "other"},
    {"archived": True},
    {"expires_at": now() - timedelta(days=1)},
]


@pytest.mark.parametrize("fields", HIDDEN, ids=lambda fields: "-".join(fields))
def test_words_of_what_is_hidden_are_told_to_nobody(fields: dict[str, Any], learn: Remember, fuzzy: Find):
    learn("a secret basilisk", **fields)
    visible = learn("two basilisks")

    found = fuzzy("basilisck", user="u", explain=True)

    assert ids(found) == [visible]
    assert "'basilisk'" not in repr(found.results)
    assert terms(found) == {"basilisck": ("basilisks", 0.78)}


def test_of_an_agent_only_what_it_shares_is_told(learn: Remember, fuzzy: Find):
    learn("basilisk", scope="agent", agent_id="other")
    shared = learn("basilisks fly", scope="agent", agent_id="other")
    assert ids(fuzzy("basilisck")) == []
    with behind_walls(STAFF):
        Grant.objects.create(tenant_id="acme", entry_id=shared, agent_id="a", created_by="t")

    found = fuzzy("basilisck", explain=True)

    assert ids(found) == [shared]
    assert terms(found) == {"basilisck": ("basilisks", 0.78)}


def test_a_named_session_opens_its_messages(tenant: str):
    shown = {"kind": "message", "scope": "user", "user_id": "u", "session_id": "s", "sequence": 1}
    wanted = index_row("two basilisks", **shown)
    add([index_row("a basilisk", **shown | {"session_id": "another"}), wanted], vectors=False)
    read_all()

    assert told("basilisck", caller(named_session="s")) == {wanted.id: ["basilisks"]}
    assert told("basilisck", caller()) == {}


def test_global_words_are_told_to_all(learn: Remember, fuzzy: Find):
    wanted = learn("a kestrel", scope="global", tenant_id=None)

    assert ids(fuzzy("kestrle")) == [wanted]


def test_who_sees_all_users_searches_the_words_of_all(learn: Remember, fuzzy: Find):
    rows = {learn(f"kestrel {user}", scope="user", user_id=user) for user in ("u", "v", "w")}
    admin = caller(permissions=ALL_PERMISSIONS)
    staff = Principal(kind="staff", name="s", tenant_id="acme", permissions=ALL_PERMISSIONS)

    assert set(ids(fuzzy("kestrle", principal=admin))) == rows
    assert set(ids(fuzzy("kestrle", principal=staff))) == rows
