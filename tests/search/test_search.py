"""What a search finds, in which order, and what it says about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as hub_settings
from django.db import DatabaseError, connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from memoryhub.access.exceptions import Invalid, ScopeMissing
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search import embeddings, hooks
from memoryhub.search.exceptions import TenantNeeded
from memoryhub.search.requests import Filters
from memoryhub.search.services.search import search
from tests.search.conftest import STAFF, add, caller, ids, index_row

pytestmark = pytest.mark.django_db


def test_any_word_counts(remember, find):
    wanted = remember("The customer prefers a dark theme in the evening")
    remember("Invoices are sent on Mondays")
    assert ids(find("dark unicorn spaceship", mode="keyword")) == [wanted]


def test_the_rarer_word_weighs_more(remember, find):
    for number in range(5):
        remember(f"coffee note {number}")
    rare = remember("tea note")
    assert ids(find("coffee tea", mode="keyword"))[0] == rare


def test_the_shorter_text_wins_with_the_same_word(remember, find):
    remember("giraffe " + " ".join(f"word{n}" for n in range(60)))
    short = remember("giraffe in the zoo")
    assert ids(find("giraffe", mode="keyword"))[0] == short


def test_saying_it_twice_weighs_more_but_less_than_twice(remember, find):
    twice = remember("giraffe giraffe zebra lion")
    remember("giraffe zebra lion tiger")
    first, second = find("giraffe", mode="keyword").results
    assert first["id"] == twice
    assert second["score"] < first["score"] < 2 * second["score"]


def test_keys_and_paths_are_found_by_their_parts(remember, find):
    wanted = remember("customer_preference_123 see conf/app.theme-settings")
    for query in ("preference", "123", "theme", "settings", "conf"):
        assert ids(find(query, mode="keyword")) == [wanted], query


def test_what_looks_like_a_tag_is_still_text(remember, find):
    wanted = remember("price <threshold and quantity> limit")
    assert ids(find("quantity", mode="keyword")) == [wanted]


def test_a_query_of_stop_words_finds_them_as_they_stand(remember, find):
    wanted = remember("To be, or not to be: that is the question")
    remember("Something else entirely")
    assert ids(find("to be or not", mode="keyword"))[0] == wanted


def test_the_tenants_language_decides_the_stems(remember, find, tenant):
    with behind_walls(STAFF), connection.cursor() as cursor:
        cursor.execute("UPDATE memory_tenants SET text_search_config = 'german' WHERE tenant_id = %s", [tenant])
    wanted = remember("Die Häuser am Fluss")
    assert ids(find("Haus", mode="keyword")) == [wanted]


def test_semantic_ranks_by_likeness_and_fills_up_the_answer(remember, find):
    near = remember("billing invoices and payments")
    for number in range(4):
        remember(f"weather report number {number}")
    answer = find("invoice payment", mode="semantic", limit=5)
    assert ids(answer)[0] == near
    assert len(answer.results) == 5
    assert answer.results[0]["score"] > answer.results[1]["score"]


def test_what_is_best_by_words_and_meaning_scores_1(remember, find):
    best = remember("the dark theme of the dashboard")
    remember("an unrelated remark")
    first = find("dark theme").results[0]
    assert first["id"] == best
    assert first["score"] == pytest.approx(1.0)


def test_a_row_without_a_vector_takes_part_by_its_words(remember, find):
    remember("a remark about weather")
    new = remember("quarterly giraffe census", vector=False)
    answer = find("giraffe")
    assert new in ids(answer)
    assert not answer.degraded


def test_ties_are_broken_by_id(remember, find):
    made = [remember("the same words") for _ in range(4)]
    for mode in ("keyword", "semantic", "hybrid"):
        assert ids(find("same words", mode=mode)) == sorted(made), mode


def test_explain_parts_sum_up(remember, find):
    remember("the dark theme of the dashboard")
    remember("the light theme")
    for mode in ("keyword", "semantic", "hybrid"):
        for result in find("dark theme", mode=mode, explain=True).results:
            explain = result["explain"]
            assert sum(explain["parts"].values()) == pytest.approx(result["score"])
            if explain["terms"]:
                assert sum(term["bm25"] for term in explain["terms"]) == pytest.approx(explain["bm25"])
            assert explain["visible"] == "It belongs to the tenant of the key."
    words = {term["term"]: term for term in find("dark theme", explain=True).results[0]["explain"]["terms"]}
    assert words["dark"]["memories"] == 1
    assert words["theme"]["memories"] == 2


def test_without_a_model_words_decide_and_the_answer_says_so(remember, find, monkeypatch):
    wanted = remember("the dark theme")
    monkeypatch.setattr(embeddings, "embed_query", lambda text, embedder: None)
    for mode in ("semantic", "hybrid"):
        answer = find("dark", mode=mode)
        assert ids(answer) == [wanted]
        assert answer.degraded
        assert answer.mode == mode
        assert "embedding model is not ready" in answer.notice
    assert not find("dark", mode="keyword").degraded


def test_expired_rows_are_not_found_and_archived_ones_on_request(remember, find):
    remember("old theme", expires_at="2020-01-01T00:00:00Z")
    archived = remember("archived theme", archived=True)
    for mode in ("keyword", "semantic", "hybrid"):
        assert ids(find("theme", mode=mode)) == []
        assert ids(find("theme", mode=mode, filters=Filters(include_archived=True))) == [archived]


@pytest.mark.parametrize(
    ("name", "wanted", "other"),
    [
        ("layer", "permanent", "long_term"),
        ("category", "fact", "general"),
        ("memory_type", "episodic", "semantic"),
        ("source", "crm", "api"),
        ("author", "ann", "ben"),
        ("tags", ["a", "b"], ["a"]),
    ],
)
def test_filters(remember, find, name, wanted, other):
    hit = remember("theme", **{name: wanted})
    remember("theme", **{name: other})
    for mode in ("keyword", "semantic", "hybrid"):
        assert ids(find("theme", mode=mode, filters=Filters(**{name: wanted}))) == [hit]


def test_filters_by_time_importance_parent_scope_and_owner(remember, find):
    parent = remember("parent")
    hit = remember(
        "theme", event_at="2024-05-05T00:00:00Z", importance=0.9, parent_id=parent, scope="agent", agent_id="a"
    )
    remember("theme", importance=0.1)
    for wanted in (
        Filters(since=datetime(2024, 5, 5, tzinfo=UTC), until=datetime(2024, 5, 6, tzinfo=UTC)),
        Filters(importance_min=0.5),
        Filters(parent_id=parent),
        Filters(scope="agent"),
        Filters(agent_id="a"),
    ):
        assert ids(find("theme", filters=wanted)) == [hit], wanted


def test_layers_have_short_names(remember, find):
    hit = remember("theme", layer="short_term")
    assert ids(find("theme", filters=Filters(layer="short"))) == [hit]


def test_kinds(remember, find):
    entry = remember("theme")
    assert ids(find("theme", kinds=["entries"])) == [entry]
    assert ids(find("theme", kinds=["message"])) == []


def test_other_tenants_are_never_found(remember, find):
    remember("theme", tenant_id="other")
    own = remember("theme")
    assert ids(find("theme")) == [own]
    everything = system_principal("test", "acme")
    assert ids(find("theme", principal=everything)) == [own]


def test_global_rows_are_found_by_everybody(remember, find):
    shared = remember("theme", scope="global", tenant_id=None)
    assert ids(find("theme")) == [shared]


def test_a_users_rows_need_the_user_to_be_named(remember, find):
    mine = remember("theme", scope="user", user_id="u")
    remember("theme", scope="user", user_id="v")
    answer = find("theme")
    assert ids(answer) == []
    assert "names none" in answer.notice
    answer = find("theme", user="u")
    assert ids(answer) == [mine]
    assert answer.notice is None


def test_an_admin_key_may_omit_the_user_and_leaves_a_trace(remember, find, tenant):
    theirs = remember("theme", scope="user", user_id="u")
    admin = caller(permissions=frozenset({"read", "admin"}))
    answer = find("theme", principal=admin)
    assert ids(answer) == [theirs]
    assert "on record" in answer.notice
    with behind_walls(STAFF):
        event = AuditEvent.objects.get(action="search.read.unnamed_user")
    assert event.new == {"read": [str(theirs)]}


def test_granted_entries_of_other_agents_are_found_and_audited(remember, find, tenant):
    theirs = remember("theme", scope="agent", agent_id="b")
    assert ids(find("theme")) == []
    with behind_walls(STAFF):
        Grant.objects.create(tenant_id=tenant, entry_id=theirs, agent_id="a", created_by="t")
    for mode in ("keyword", "semantic", "hybrid"):
        assert ids(find("theme", mode=mode)) == [theirs]
    assert "there is a grant" in find("theme", explain=True).results[0]["explain"]["visible"]
    with behind_walls(STAFF):
        assert AuditEvent.objects.filter(action="search.read.cross_agent").count() == 4


def test_naming_a_session_opens_its_rows(remember, find):
    note = remember("theme", scope="session", session_id="s")
    assert ids(find("theme")) == []
    assert ids(find("theme", principal=caller(named_session="s"))) == [note]


def test_a_search_needs_a_tenant_and_permission(find):
    with pytest.raises(TenantNeeded):
        find("theme", principal=Principal(kind="key", name="p", platform=True, permissions=frozenset({"read"})))
    with pytest.raises(ScopeMissing):
        find("theme", principal=caller(permissions=frozenset({"write"})))


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("query", {"query": "  "}),
        ("query", {"query": "x" * 4001}),
        ("mode", {"query": "x", "mode": "fancy"}),
        ("kinds", {"query": "x", "kinds": ["entry", "dream"]}),
        ("limit", {"query": "x", "limit": 0}),
        ("limit", {"query": "x", "limit": 101}),
        ("layer", {"query": "x", "filters": Filters(layer="deep")}),
        ("scope", {"query": "x", "filters": Filters(scope="world")}),
        ("importance_min", {"query": "x", "filters": Filters(importance_min=1.5)}),
    ],
)
def test_wrong_requests_are_refused(find, field, wanted):
    with pytest.raises(Invalid) as refused:
        find(wanted.pop("query"), **wanted)
    assert refused.value.field == field


CALL = "SELECT memory_search('{}', 'theme', 'keyword', NULL, '', '{}', '{\"top\": 10, \"depth\": 10, \"cap\": 100}')"


def test_the_function_fails_without_a_tenant(remember):
    remember("theme")
    with pytest.raises(DatabaseError, match=r"memoryhub\.tenant is not set"), transaction.atomic():
        connection.cursor().execute(CALL)


def test_the_function_takes_no_tenant_from_its_arguments(remember):
    remember("theme", tenant_id="other")
    with behind_walls(caller()), connection.cursor() as cursor:
        cursor.execute(CALL.replace("'{}', 'theme'", '\'{"tenant": "other", "everything": true}\', \'theme\''))
        assert cursor.fetchone()[0]["columns"][0] == []


@pytest.mark.parametrize("name", ["memory_search", "search_authors"])
def test_the_functions_are_for_the_hubs_roles_alone(name):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_function_privilege(r, p.oid, 'EXECUTE'), p.prosecdef, pg_get_userbyid(p.proowner) "
            "FROM pg_proc p, unnest(ARRAY['public', 'memoryhub_app', 'memoryhub_system']) r "
            "WHERE p.proname = %s ORDER BY r",
            [name],
        )
        assert cursor.fetchall() == [
            (True, True, "memoryhub_owner"),
            (True, True, "memoryhub_owner"),
            (False, True, "memoryhub_owner"),
        ]


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
def test_above_the_cap_the_right_ones_are_found_all_the_same(remember, find, monkeypatch, mode):
    old = remember("a giraffe in the archive", event_at="2020-01-01T00:00:00Z")
    for number in range(12):
        remember(f"weather report {number}")
    monkeypatch.setattr(hub_settings.CONFIG.search, "candidate_cap", 5)
    for filters in (Filters(), Filters(until=datetime(2021, 1, 1, tzinfo=UTC))):
        answer = find("giraffe", mode=mode, limit=3, filters=filters)
        assert ids(answer)[0] == old
        assert not answer.truncated


@given(query=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_can_be_asked_for(find, query):
    assume(query.strip())
    for mode in ("keyword", "hybrid"):
        assert find(query, mode=mode).results == []


@pytest.mark.parametrize("query", ["!!!", "'", "\\", "a'b\\c", "x:*", "& | !", "<-> 'x'", "🦒"])
def test_signs_are_no_syntax(remember, find, query):
    only = remember("a remark")
    assert ids(find(query, mode="semantic")) == [only]
    assert find(query, mode="keyword").results == []


def test_hooks_hear_of_searches(remember, find):
    remember("theme")
    heard: list[hooks.Searched] = []
    hooks.on_search(heard.append)
    try:
        answer = find("theme")
    finally:
        hooks.unregister(heard.append)
    assert [searched.answer for searched in heard] == [answer]
    assert heard[0].latency_ms > 0


def test_boosts_prefer_what_they_name(remember, find):
    old = remember("the boat is red", event_at=now() - timedelta(days=400), priority="critical")
    new = remember("the boat is blue", event_at=now(), priority="low")
    assert ids(find("the boat", boost={"recency": 1}))[0] == new
    assert ids(find("the boat", boost={"priority": 1}))[0] == old
    assert ids(find("boat", mode="keyword", boost={"recency": 1}))[0] == new
    explained = find("the boat", boost={"recency": 1}, explain=True).results[0]["explain"]["parts"]
    assert explained["recency"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("boost", [{"fame": 1}, {"recency": 1.5}, {"recency": -1}])
def test_an_unknown_boost_or_weight_is_refused(find, boost):
    with pytest.raises(Invalid, match=r"weight|not one of"):
        find("boat", boost=boost)


def test_with_explain_the_answer_tells_how_the_query_was_read(find):
    add([index_row("We sailed", kind="message", author="Ada"), index_row("Lucky you", kind="message", author="Bo")])
    read = find("When did Ada sail in May 2024?", explain=True).interpretation
    assert (read.meaning, read.words) == ("When did I sail in May 2024?", "When did sail in May 2024?")
    assert read.speakers == {"Ada"}
    assert read.asks_when
    assert find("When did Ada sail?").interpretation is None


def test_a_key_bound_to_a_user_learns_no_counts_of_words(remember):
    remember("the tender for the bridge", scope="agent", agent_id="a", user_id="bo")
    remember("the tender for the tower", scope="agent", agent_id="a", user_id="ada")
    bound = caller(agent_id="a", bound_user="ada", named_user="ada")
    [found] = search(principal=bound, query="tender", explain=True).results
    assert {(term["memories"], term["idf"]) for term in found["explain"]["terms"]} == {(None, None)}
