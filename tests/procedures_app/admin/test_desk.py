"""The procedure desk in the admin: who gets in, the list, the editor, and what a refused save leaves."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app import documents
from procedures_app.admin.desk_form import complete, state_from
from procedures_app.admin.desk_pages import address
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.services import drafts, procedures, publishing
from tests.procedures_app.admin.running import run
from tests.procedures_app.admin.test_desk_form import posted

HOSTILE = "<script>alert(1)</script> {{ 7*7 }}"
PLAIN: dict[str, Any] = {
    "title": "Ship a release",
    "summary": "For every release.",
    "kind": "deployment",
    "steps": [
        {"id": "check", "title": "Check", "instruction": "Look at it.", "evidence": [{"name": "link", "type": "url"}]},
        {"id": "ship", "title": "Ship", "instruction": "Ship it."},
        {"id": "tell", "title": "Tell", "instruction": "Tell the team."},
    ],
}


@pytest.fixture
def ben(person: Principal) -> Principal:
    return Principal(kind="staff", name="ben", tenant_id=person.tenant_id, permissions=person.permissions)


@pytest.fixture
def shipped(ben: Principal) -> Procedure:
    """Version 1 is in force."""
    drafts.save("ship", PLAIN, principal=ben, if_revision=0)
    publishing.publish("ship", principal=ben, revision=1, note="First.", based_on_seen=None)
    return procedures.named("ship", principal=ben)


@pytest.fixture
def editor(tenant: str, sign_in: Any) -> Client:
    browser: Client = sign_in("Procedure editor")
    return browser


def changed(**changes: Any) -> dict[str, Any]:
    return documents.read(PLAIN | {"name": "ship"} | changes)


def form(browser: Client, procedure: Procedure, **fields: str) -> dict[str, str]:
    """What the editor's page sends, with these fields typed over."""
    shown = browser.get(address("draft", procedure.pk)).context["form"]
    sent = posted(shown.state) | {
        "revision": str(shown.revision),
        "based_on": str(shown.based_on or ""),
        "base": shown.base_text,
        "mode": "form",
    }
    return sent | {"do": "save"} | {name.replace("__", "."): text for name, text in fields.items()}


def press(browser: Client, procedure: Procedure, do: str, **fields: str) -> Any:
    return browser.post(address("draft", procedure.pk), form(browser, procedure, **fields) | {"do": do})


def draft_of(procedure: Procedure, principal: Principal) -> dict[str, Any]:
    with behind_walls(principal):
        return procedures.document_of(drafts.of(procedure.name, principal=principal))


# -- who gets in -----------------------------------------------------------------------------------------------------


def addresses(procedure: Procedure) -> dict[str, str]:
    named = {name: address(name, procedure.pk) for name in ("change", "draft", "publish", "rebase", "export")}
    of_version = {name: address(name, procedure.pk, 1) for name in ("version", "start")}
    compared = {"compare": address("compare", procedure.pk) + "?from=1&to=1"}
    return named | of_version | compared | {name: address(name) for name in ("list", "new", "paste", "import")}


LOOKING = ("list", "change", "version", "compare", "export")


def test_nobody_gets_in_without_signing_in_or_a_role(shipped: Procedure, sign_in: Any) -> None:
    stranger, without_role = Client(), sign_in("")
    for name, page in addresses(shipped).items():
        assert stranger.get(page).status_code == 302, name
        assert stranger.post(page).status_code == 302, name
        assert without_role.post(page).status_code == 403, name


@pytest.mark.parametrize("role", ["Auditor", "Conflict reviewer"])
def test_others_look_and_change_nothing(role: str, shipped: Procedure, sign_in: Any, ben: Principal) -> None:
    browser = sign_in(role)
    for name, page in addresses(shipped).items():
        assert browser.get(page).status_code == (200 if name in LOOKING else 405 if name == "start" else 403), name
    for name in ("draft", "publish", "rebase", "new", "paste", "import"):
        assert browser.post(addresses(shipped)[name], {"do": "save", "title": "x"}).status_code == 403, name
    assert browser.post(address("install"), {"tenant": "acme"}).status_code == 403
    assert browser.post(address("start", shipped.pk, 1)).status_code == 403
    for verb in ("retire", "discard"):
        page = reverse("admin:procedures_app_procedure_verb", args=[shipped.pk, verb])
        assert browser.post(page, {"reason": "x"}).status_code == 403
    assert "Edit" not in browser.get(address("change", shipped.pk)).content.decode().split("<main")[-1]
    with behind_walls(ben):
        assert not ProcedureVersion.objects.filter(status="draft").exists()


@pytest.mark.parametrize("role", ["Administrator", "Procedure editor"])
def test_editors_get_in_everywhere(role: str, shipped: Procedure, sign_in: Any) -> None:
    browser = sign_in(role)
    sent_on = ("publish", "rebase")  # there is no draft
    for name, page in addresses(shipped).items():
        expected = 302 if name in sent_on else 405 if name == "start" else 200
        assert browser.get(page).status_code == expected, name


def test_an_editor_of_another_tenant_finds_nothing(shipped: Procedure, other_tenant: str, sign_in: Any) -> None:
    browser = sign_in("Procedure editor", tenants=[other_tenant])
    for name, page in addresses(shipped).items():
        answer = browser.post(page) if name == "start" else browser.get(page)
        assert answer.status_code == (404 if str(shipped.pk) in page else 200), name
        assert "Ship a release" not in answer.content.decode(), name
    assert browser.post(address("draft", shipped.pk), {"do": "save"}).status_code == 404
    assert browser.post(address("new"), {"tenant": "acme", "do": "save", "title": "x"}).status_code == 404


# -- the list --------------------------------------------------------------------------------------------------------


def test_an_empty_desk_leads_somewhere(editor: Client) -> None:
    page = editor.get(address("list")).content.decode()
    assert "There are no procedures yet." in page
    for name in ("new", "paste", "import", "install"):
        assert address(name) in page


def test_the_list_says_what_is_in_force_written_and_followed(
    shipped: Procedure, editor: Client, ben: Principal
) -> None:
    steps = [*PLAIN["steps"][1:], PLAIN["steps"][0] | {"title": "Check again"}]
    drafts.save("ship", PLAIN | {"steps": steps}, principal=ben, if_revision=0)
    run("other")
    run("other", status="completed", compliant=False, finished_at="2026-01-01T00:00:00Z")
    lines = {line.procedure.name: line for line in editor.get(address("list")).context["lines"]}
    draft = lines["ship"].draft
    assert (draft.author, draft.based_on, draft.newest, draft.behind) == ("ben", 1, 1, False)
    assert draft.changes >= 2
    runs = lines["other"].runs
    assert (runs.open, runs.period, runs.judged, runs.share) == (1, 2, 1, 0.0)
    page = editor.get(address("list")).content.decode()
    assert "based on v1" in page
    assert "no run is over" in page


FILTERED: dict[str, list[str]] = {
    "?q=release": ["ship"],
    "?q=nothing": [],
    "?state=draft": ["new-one"],
    "?state=unpublished": ["new-one"],
    "?state=active": ["new-one", "ship"],
    "?state=retired": [],
    "?kind=deployment": ["ship"],
    "?tenant=other": [],
    "?q=being": ["new-one"],
    "?page=7": [],
    "?page=x&state=unknown": ["new-one", "ship"],
}


def test_filters(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("new-one", {"title": "Being written"}, principal=ben, if_revision=0)
    for query, found in FILTERED.items():
        lines = editor.get(address("list") + query).context["lines"]
        assert [line.procedure.name for line in lines] == found, query


def test_the_list_costs_the_same_however_long(
    shipped: Procedure, editor: Client, ben: Principal, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        drafts.save(f"more-{number}", PLAIN, principal=ben, if_revision=0)
    editor.get(address("list"))
    with django_assert_max_num_queries(24):
        editor.get(address("list"))


# -- the editor ------------------------------------------------------------------------------------------------------


def test_a_new_procedure_is_named_by_its_title(editor: Client, ben: Principal) -> None:
    sent = posted(state_from(PLAIN)) | {"do": "save", "tenant": "acme", "name": "", "revision": "0"}
    answer = editor.post(address("new"), sent)
    assert answer.status_code == 302
    assert procedures.named("ship-a-release", principal=ben).current is None
    again = editor.post(address("new"), sent)
    assert again.status_code == 422
    assert again.context["form"].has_errors("name")
    assert 'value="Ship a release"' in again.content.decode()


@pytest.mark.parametrize("page", ["new", "paste", "import"])
def test_who_has_several_tenants_says_whose_agents_will_follow_it(
    page: str, tenant: str, other_tenant: str, sign_in: Any
) -> None:
    limited, free = sign_in("Procedure editor", tenants=[other_tenant]), sign_in("Procedure editor")
    assert '<select name="tenant"' not in limited.get(address(page)).content.decode()
    text = free.get(address(page) + f"?tenant={other_tenant}").content.decode()
    assert text.count('name="tenant"') == 1
    assert f"<option selected>{other_tenant}</option>" in text


def test_what_is_not_saved_is_said_not_to_be(editor: Client) -> None:
    sent = posted(complete({})) | {"do": "save", "tenant": "acme", "revision": "0"}
    assert "Not saved: 1 thing to mend first" in editor.post(address("new"), sent).content.decode()


def test_editing_begins_from_the_published_version_and_saves_a_draft(
    shipped: Procedure, editor: Client, ben: Principal
) -> None:
    assert press(editor, shipped, "save", steps__1__title="Ship it all").status_code == 302
    expected = changed()
    expected["steps"][1]["title"] = "Ship it all"
    assert draft_of(shipped, ben) == expected
    assert press(editor, shipped, "save", steps__1__title="Ship").status_code == 302
    assert draft_of(shipped, ben) == changed()


def test_a_long_draft_is_one_form(editor: Client, ben: Principal) -> None:
    evidence = [{"name": f"field_{number}", "description": "What was seen"} for number in range(2)]
    steps = [{"id": f"s{number}", "title": f"Step {number}", "evidence": evidence} for number in range(60)]
    long = documents.read(PLAIN | {"steps": steps})
    sent = posted(state_from(long)) | {"do": "save", "tenant": "acme", "name": "long", "revision": "0"}
    assert len(sent) > 2_000
    assert editor.post(address("new"), sent).status_code == 302
    assert procedures.document_of(drafts.of("long", principal=ben)) == long | {"name": "long"}


def test_buttons_of_rows_change_the_page_and_nothing_else(shipped: Procedure, editor: Client, ben: Principal) -> None:
    answer = press(editor, shipped, "up:steps.2", title="Typed meanwhile")
    page = answer.context["form"]
    assert [step["title"] for step in page.state["steps"]] == ["Check", "Tell", "Ship"]
    assert page.state["title"] == "Typed meanwhile"
    assert (page.focus, page.says, page.unsaved) == ("up:steps.1", "Step 3, Tell is number 2 of 3 now.", True)
    with behind_walls(ben):
        assert not ProcedureVersion.objects.filter(status="draft").exists()


def test_the_page_s_own_script_gets_the_form_alone(shipped: Procedure, editor: Client) -> None:
    sent = form(editor, shipped) | {"do": "append:steps"}
    answer = editor.post(address("draft", shipped.pk), sent, headers={"X-Desk": "form"})
    assert answer.content.decode().lstrip().startswith("<form")


def test_what_was_removed_is_on_the_page_to_be_brought_back(shipped: Procedure, editor: Client) -> None:
    page = press(editor, shipped, "drop:steps.0").context["form"]
    sent = posted(page.state) | {"removed": page.removed_text, "do": "undo", "revision": "0", "base": page.base_text}
    again = editor.post(address("draft", shipped.pk), sent).context["form"]
    assert [step["id"] for step in again.state["steps"]] == ["check", "ship", "tell"]


NO_BUTTONS = ("", "up:steps.9", "undo", "fly", "see:steps.9", "see:x", "over", "over:x", "as:pdf")
NO_FIELDS: list[dict[str, str]] = [
    {"base": "{"},
    {"base": "[1]"},
    {"removed": "{", "do": "undo"},
    {"removed": '[{"index": 1}, 7]', "do": "undo"},
    {"removed": '[{"index": -5, "row": {}, "start": "steps"}]', "do": "undo"},
    {"removed": '[{"index": 1, "row": {"a": []}, "start": 7}]', "do": "undo"},
    {"mode": "pdf"},
    {"revision": "x"},
    {"based_on": "99"},
    {"steps": "x"},
    {"tenant": "other"},
]


def test_requests_that_no_page_makes_break_nothing(shipped: Procedure, editor: Client) -> None:
    sent = form(editor, shipped)
    for fields in (*({"do": do} for do in NO_BUTTONS), *NO_FIELDS):
        answer = editor.post(address("draft", shipped.pk), sent | fields)
        assert answer.status_code in (200, 302, 409, 422), fields


def test_problems_stand_at_their_controls_and_in_a_summary_that_leads_there(
    shipped: Procedure, editor: Client, ben: Principal
) -> None:
    answer = press(
        editor, shipped, "check", title="", steps__1__instruction="Use {{inputs.missing}}.", steps__2__kind="procedure"
    )
    page, text = answer.context["form"], answer.content.decode()
    assert page.has_errors("title")
    assert page.has_errors("steps.1.instruction")
    assert page.has_errors("steps.2.procedure")
    assert 'href="#steps.1.instruction"' in text
    assert 'aria-describedby="steps.1.instruction-hint steps.1.instruction-problems"' in text
    assert [line.level for line in page.summary] == sorted((line.level for line in page.summary), key="ew".find)
    with behind_walls(ben):
        assert not ProcedureVersion.objects.filter(status="draft").exists()


def test_every_problem_of_a_bad_draft_leads_to_a_control_that_is_there(shipped: Procedure, editor: Client) -> None:
    bad = {
        "kind": "!!!",
        "inputs.0.name": "Not A Name",
        "inputs.0.type": "number",
        "inputs.0.minimum": "x",
        "preconditions.0.text": "",
        "preconditions.0.path": "nowhere",
        "steps.0.evidence.0.name": "confirm_1",
        "steps.0.max_attempts": "99",
        "steps.0.time_limit": "-1",
        "steps.1.kind": "http",
        "steps.1.request.url": "ftp://x",
        "steps.1.rollback.kind": "memory",
        "steps.2.id": "check",
    }
    answer = editor.post(address("draft", shipped.pk), form(editor, shipped) | bad | {"do": "check"})
    text = answer.content.decode()
    lines = answer.context["form"].summary
    assert len(lines) >= 5
    for line in lines:
        assert f'id="{line.target}"' in text, line


def test_what_cannot_be_saved_comes_back_as_it_was_typed(shipped: Procedure, editor: Client, ben: Principal) -> None:
    answer = press(editor, shipped, "save", steps__0__max_attempts="many", steps__1__title=HOSTILE)
    assert answer.status_code == 422
    page = answer.context["form"]
    assert page.state["steps"][0]["max_attempts"] == "many"
    assert page.has_errors("steps.0.max_attempts")
    assert HOSTILE not in answer.content.decode()
    with behind_walls(ben):
        assert not ProcedureVersion.objects.filter(status="draft").exists()


def test_a_step_is_shown_as_agents_see_it(shipped: Procedure, editor: Client) -> None:
    page = press(editor, shipped, "see:steps.0", steps__0__instruction="Look at {{inputs.x}}.").context["form"]
    seen = page.steps[0].seen
    assert (seen["id"], seen["position"], seen["instruction"]) == ("check", 1, "Look at {{inputs.x}}.")
    assert [field["name"] for field in seen["evidence"]] == ["link"]


@pytest.mark.parametrize("mode", ["yaml", "markdown"])
def test_the_same_document_is_edited_as_text(mode: str, shipped: Procedure, editor: Client, ben: Principal) -> None:
    page = press(editor, shipped, f"as:{mode}", steps__0__title="Check it").context["form"]
    assert "Check it" in page.text
    sent = {"mode": mode, "revision": "0", "base": page.base_text, "text": page.text.replace("Check it", "Check all")}
    back = editor.post(address("draft", shipped.pk), sent | {"do": "as:form"}).context["form"]
    assert back.state["steps"][0]["title"] == "Check all"
    assert editor.post(address("draft", shipped.pk), sent | {"do": "save"}).status_code == 302
    assert draft_of(shipped, ben)["steps"][0]["title"] == "Check all"
    assert draft_of(shipped, ben)["steps"][0]["id"] == "check"


def test_a_text_that_is_no_procedure_stays_with_its_mistakes(shipped: Procedure, editor: Client) -> None:
    sent = {"mode": "yaml", "revision": "0", "text": "title: x\nsteps: [{id: a, title: [1]}]"}
    for do in ("save", "as:form", "check"):
        answer = editor.post(address("draft", shipped.pk), sent | {"do": do})
        page = answer.context["form"]
        assert page.text == sent["text"]
        assert page.mode == "yaml"
        assert page.errors
        assert "Step 1" in answer.content.decode()


def test_stored_text_is_never_markup_nor_a_script_of_the_theme(editor: Client, ben: Principal) -> None:
    step = {
        "id": "a",
        "title": HOSTILE,
        "instruction": "<script>alert(2)</script>",
        "evidence": [{"name": "x", "description": HOSTILE}],
    }
    drafts.save("bad", {"title": HOSTILE, "summary": HOSTILE, "steps": [step]}, principal=ben, if_revision=0)
    publishing.publish("bad", principal=ben, revision=1, note=HOSTILE, based_on_seen=None)
    drafts.save("bad", {"title": f"{HOSTILE} 2", "steps": [step]}, principal=ben, if_revision=0)
    procedure = procedures.named("bad", principal=ben)
    for name, page in addresses(procedure).items():
        if name not in ("start", "export"):
            text = editor.get(page).content.decode()
            assert "<script>alert" not in text, name
            assert 'x-data="{{ 7' not in text, name
