"""Late saves, publishing, drafts that fell behind, versions, and procedures that come as text."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app import documents
from procedures_app.admin.desk_pages import address
from procedures_app.models import Procedure, ProcedureVersion
from procedures_app.services import drafts, procedures, publishing
from tests.procedures_app.admin.running import run
from tests.procedures_app.admin.test_desk import (
    HOSTILE,
    PLAIN,
    ben,
    changed,
    draft_of,
    editor,
    form,
    shipped,
)

__all__ = ["ben", "editor", "shipped"]


def steps_with(**changes: Any) -> list[dict[str, Any]]:
    """The plain steps; ``ship={"title": "x"}`` changes one."""
    return [step | changes.get(step["id"], {}) for step in PLAIN["steps"]]


def publish(browser: Client, procedure: Procedure, **fields: Any) -> Any:
    shown = browser.get(address("publish", procedure.pk)).context
    newest = shown["newest"].number if shown["newest"] else ""
    sent = {"revision": shown["draft"].revision, "newest": newest, "note": "Because."}
    return browser.post(address("publish", procedure.pk), sent | fields)


def newest(procedure: Procedure, principal: Principal) -> ProcedureVersion:
    found = procedures.named(procedure.name, principal=principal).current
    assert found is not None
    return found


# -- saves that come too late ----------------------------------------------------------------------------------------


def test_a_late_save_shows_what_was_saved_meanwhile_and_keeps_the_text(
    shipped: Procedure, editor: Client, ben: Principal
) -> None:
    drafts.save("ship", changed(), principal=ben)
    mine = form(editor, shipped, title="Ship it, my way")
    drafts.save("ship", changed(steps=steps_with(tell={"title": "Tell everybody"})), principal=ben)
    answer = editor.post(address("draft", shipped.pk), mine)
    assert answer.status_code == 409
    page, text = answer.context["form"], answer.content.decode()
    assert (page.state["title"], page.stale.author, page.stale.fits) == ("Ship it, my way", "ben", True)
    assert page.stale.changes.says == ["Step “Tell everybody”: the title changed from “Tell” to “Tell everybody”."]
    assert "Save both together" in text
    assert editor.post(address("draft", shipped.pk), mine | {"do": "both:2"}).status_code == 302
    saved = draft_of(shipped, ben)
    assert (saved["title"], saved["steps"][2]["title"]) == ("Ship it, my way", "Tell everybody")


def test_what_clashes_is_named_and_saved_over_only_when_asked(
    shipped: Procedure, editor: Client, ben: Principal
) -> None:
    drafts.save("ship", changed(), principal=ben)
    mine = form(editor, shipped, title="Mine")
    drafts.save("ship", changed(title="Theirs"), principal=ben)
    for do in ("save", "both:2"):
        answer = editor.post(address("draft", shipped.pk), mine | {"do": do})
        assert answer.status_code == 409
        assert answer.context["form"].stale.clashes == ["title"]
        assert "Save both together" not in answer.content.decode()
    assert draft_of(shipped, ben)["title"] == "Theirs"
    assert editor.post(address("draft", shipped.pk), mine | {"do": "over:2"}).status_code == 302
    assert draft_of(shipped, ben)["title"] == "Mine"


def test_saving_over_is_late_again_when_somebody_saved_once_more(
    shipped: Procedure, editor: Client, ben: Principal
) -> None:
    drafts.save("ship", changed(), principal=ben)
    mine = form(editor, shipped, title="Mine")
    for number in range(2):
        drafts.save("ship", changed(title=f"Theirs {number}"), principal=ben)
    for do in ("over:2", "both:2"):
        assert editor.post(address("draft", shipped.pk), mine | {"do": do}).status_code == 409
    assert draft_of(shipped, ben)["title"] == "Theirs 1"


def test_a_draft_that_is_gone_meanwhile_can_be_begun_again(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(), principal=ben)
    mine = form(editor, shipped, title="Mine")
    drafts.discard("ship", principal=ben)
    answer = editor.post(address("draft", shipped.pk), mine)
    assert answer.status_code == 409
    assert "published or discarded" in answer.content.decode()
    again = mine | {"revision": str(answer.context["form"].revision)}
    assert editor.post(address("draft", shipped.pk), again).status_code == 302
    assert draft_of(shipped, ben)["title"] == "Mine"


def test_a_first_save_remembers_which_version_it_began_from(shipped: Procedure, editor: Client, ben: Principal) -> None:
    mine = form(editor, shipped, title="Mine")
    draft = drafts.save("ship", changed(title="Theirs"), principal=ben)
    publishing.publish("ship", principal=ben, revision=draft.revision, note="x", based_on_seen=1)
    assert editor.post(address("draft", shipped.pk), mine).status_code == 302
    assert drafts.of("ship", principal=ben).based_on == 1
    assert "Bring the draft up to date" in editor.get(address("draft", shipped.pk)).content.decode()


# -- publishing ------------------------------------------------------------------------------------------------------


def test_publishing_says_what_changes_and_whom_it_touches(shipped: Procedure, editor: Client, ben: Principal) -> None:
    run("ship", steps={"check": "done", "ship": "pending", "tell": "pending"})
    check, ship, tell = steps_with(ship={"instruction": "Ship it slowly."})
    new = {"id": "watch", "title": "Watch", "instruction": "Ten minutes."}
    drafts.save("ship", changed(steps=[tell, check, ship, new]), principal=ben)
    text = editor.get(address("publish", shipped.pk)).content.decode()
    for said in ("moved up 2 places", "<ins> slowly</ins>", "added", "1 open on version 1", "Publish as version 2"):
        assert said in text, said
    assert publish(editor, shipped, note="Slower.").status_code == 302
    version = newest(shipped, ben)
    assert (version.number, version.note) == (2, "Slower.")
    with behind_walls(ben):
        assert AuditEvent.objects.filter(action="procedures.version.published", reason="Slower.").exists()


def test_a_note_is_required(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(title="New"), principal=ben)
    for note in ("", "   ", "x" * 2_001):
        assert publish(editor, shipped, note=note).status_code == 422
    assert newest(shipped, ben).number == 1


def test_errors_prevent_publishing_and_lead_to_the_editor(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(steps=[]), principal=ben)
    text = editor.get(address("publish", shipped.pk)).content.decode()
    assert f"{address('draft', shipped.pk)}#append:steps" in text
    assert 'id="publish-form"' not in text
    assert publish(editor, shipped).status_code == 422


def test_what_moved_since_it_was_looked_at_is_not_published(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(title="New"), principal=ben)
    for fields in ({"revision": 7}, {"newest": 9}, {"newest": ""}, {"revision": "x"}):
        answer = publish(editor, shipped, note="Because of this.", **fields)
        assert answer.status_code == 409
        assert "Because of this." in answer.content.decode()
    assert newest(shipped, ben).number == 1


def test_without_a_draft_there_is_nothing_to_publish(shipped: Procedure, editor: Client) -> None:
    for page in (address("publish", shipped.pk), address("rebase", shipped.pk)):
        assert editor.get(page)["Location"] == address("change", shipped.pk)
        assert editor.post(page, {"note": "x"})["Location"] == address("change", shipped.pk)


# -- drafts that fell behind -----------------------------------------------------------------------------------------


@pytest.fixture
def behind(shipped: Procedure, ben: Principal) -> Procedure:
    """Version 2 changed the title and told a step; the draft from version 1 changed both otherwise, and one more."""
    theirs = changed(title="Theirs", steps=steps_with(ship={"instruction": "Theirs."}))
    draft = drafts.save("ship", theirs, principal=ben)
    publishing.publish("ship", principal=ben, revision=draft.revision, note="x", based_on_seen=1)
    mine = changed(title="Mine", steps=steps_with(ship={"instruction": "Mine."}, tell={"title": "Tell all"}))
    drafts.save("ship", mine, principal=ben, based_on=1)
    return shipped


def choices(page: Any, **picked: str) -> dict[str, Any]:
    """``title="draft"``: by the last part of the pointer."""
    sent: dict[str, Any] = {"revision": page.context["draft"].revision, "newest": page.context["newest"].number}
    for clash in page.context["clashes"]:
        last = clash.pointer.rsplit("/", 1)[-1]
        if last in picked:
            sent[clash.name] = picked[last]
    return sent


def test_a_draft_that_is_behind_is_not_published_but_brought_up_to_date(
    behind: Procedure, editor: Client, ben: Principal
) -> None:
    text = editor.get(address("publish", behind.pk)).content.decode()
    assert "Bring it up to date" in text
    assert 'id="publish-form"' not in text
    page = editor.get(address("rebase", behind.pk))
    labels = [clash.label for clash in page.context["clashes"]]
    assert labels == ["Title", "Step “Ship”: instruction"]
    assert page.content.decode().count("<fieldset") == 2
    both = [option for option in page.context["clashes"][1].options if option.choice == "both"]
    shown = "".join(piece.text for piece in both[0].pieces)
    assert "Mine." in shown
    assert "Theirs." in shown
    answer = editor.post(address("rebase", behind.pk), choices(page, title="draft", instruction="published"))
    assert answer["Location"] == address("publish", behind.pk)
    saved = draft_of(behind, ben)
    assert (saved["title"], saved["steps"][1]["instruction"]) == ("Mine", "Theirs.")
    assert saved["steps"][2]["title"] == "Tell all"
    assert drafts.of("ship", principal=ben).based_on == 2
    assert publish(editor, behind).status_code == 302


def test_every_clash_needs_a_choice_and_choices_are_kept(behind: Procedure, editor: Client, ben: Principal) -> None:
    page = editor.get(address("rebase", behind.pk))
    for sent in ({}, choices(page), choices(page, title="draft"), choices(page, title="draft", instruction="nobody")):
        answer = editor.post(address("rebase", behind.pk), sent)
        assert answer.status_code == 409
    assert [clash.chosen for clash in answer.context["clashes"]] == ["draft", ""]
    assert drafts.of("ship", principal=ben).based_on == 1


def test_what_moved_since_the_choice_is_looked_at_again(behind: Procedure, editor: Client, ben: Principal) -> None:
    page = editor.get(address("rebase", behind.pk))
    for fields in ({"revision": 99}, {"newest": 1}):
        sent = choices(page, title="draft", instruction="draft") | fields
        assert editor.post(address("rebase", behind.pk), sent).status_code == 409
    assert drafts.of("ship", principal=ben).based_on == 1


# -- versions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def twice(shipped: Procedure, ben: Principal) -> Procedure:
    draft = drafts.save("ship", changed(title="Ship it twice", steps=steps_with()[1:]), principal=ben)
    publishing.publish("ship", principal=ben, revision=draft.revision, note="Less.", based_on_seen=1)
    return shipped


def test_the_page_of_a_procedure_shows_what_is_followed(twice: Procedure, editor: Client) -> None:
    page = editor.get(address("change", twice.pk))
    text = page.content.decode()
    assert [version.number for version in page.context["versions"]] == [2, 1]
    for said in ("version 2 in force", "Less.", "Tell the team.", address("export", twice.pk)):
        assert said in text, said


def test_a_first_draft_is_read_before_it_is_published(ben: Principal, sign_in: Any) -> None:
    drafts.save("ship", PLAIN, principal=ben, if_revision=0)
    first = procedures.named("ship", principal=ben)
    text = sign_in("Auditor").get(address("change", first.pk)).content.decode()
    assert "which nobody follows yet" in text
    assert "Tell the team." in text


def test_any_two_versions_are_compared_the_older_one_first(twice: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(title="A third"), principal=ben)
    for query, title in (
        ("?from=2&to=1", "Version 1 against Version 2"),
        ("?from=draft&to=1", "Version 1 against The draft"),
    ):
        page = editor.get(address("compare", twice.pk) + query)
        assert page.context["title"] == title
        assert page.context["changes"].says
    for query in ("", "?from=1", "?from=1&to=9", "?from=x&to=1", "?from=1&to=99999999999999"):
        assert editor.get(address("compare", twice.pk) + query).status_code == 404, query


def test_a_draft_begins_from_an_old_version_but_overwrites_none(
    twice: Procedure, editor: Client, ben: Principal
) -> None:
    assert editor.post(address("start", twice.pk, 1))["Location"] == address("draft", twice.pk)
    assert draft_of(twice, ben) == changed()
    drafts.save("ship", changed(title="Written on"), principal=ben)
    assert editor.post(address("start", twice.pk, 1))["Location"] == address("change", twice.pk)
    assert draft_of(twice, ben)["title"] == "Written on"
    assert editor.post(address("start", twice.pk, 7)).status_code == 404


@pytest.mark.parametrize(("form_name", "ending"), [("yaml", "yaml"), ("markdown", "md")])
def test_what_is_exported_is_imported_as_it_was(
    form_name: str, ending: str, twice: Procedure, editor: Client, ben: Principal
) -> None:
    answer = editor.get(address("export", twice.pk) + f"?format={form_name}&version=1")
    assert answer["Content-Disposition"] == f'attachment; filename="ship-v1.{ending}"'
    text = answer.content.decode()
    assert documents.parse(text) == changed()
    upload = SimpleUploadedFile(f"x.{ending}", text.encode())
    sent = editor.post(address("import"), {"file": upload, "format": "auto", "tenant": "acme"})
    assert sent["Location"] == address("draft", twice.pk)
    assert draft_of(twice, ben) == changed()
    assert editor.get(address("export", twice.pk) + "?version=draft").status_code == 200
    for query in ("?format=pdf", "?version=9", "?version=x"):
        assert editor.get(address("export", twice.pk) + query).status_code == 404, query


def verb(browser: Client, procedure: Procedure, name: str, **fields: str) -> Any:
    return browser.post(reverse("admin:procedures_app_procedure_verb", args=[procedure.pk, name]), fields)


def test_a_procedure_is_retired_and_activated_with_a_reason(shipped: Procedure, editor: Client, ben: Principal) -> None:
    verb(editor, shipped, "retire")
    assert procedures.named("ship", principal=ben).status == "active"
    verb(editor, shipped, "retire", reason="Replaced.")
    assert procedures.named("ship", principal=ben).status == "retired"
    with behind_walls(ben):
        assert AuditEvent.objects.filter(action="procedures.procedure.retired", reason="Replaced.").exists()
    assert "retired" in editor.get(address("change", shipped.pk)).content.decode()
    verb(editor, shipped, "activate", reason="Not replaced.")
    assert procedures.named("ship", principal=ben).status == "active"


def test_a_draft_is_discarded(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(title="New"), principal=ben)
    assert "Discard the draft" in editor.get(address("change", shipped.pk)).content.decode()
    verb(editor, shipped, "discard")
    with behind_walls(ben):
        assert not ProcedureVersion.objects.filter(status="draft").exists()
    assert "Discard the draft" not in editor.get(address("change", shipped.pk)).content.decode()


@pytest.mark.parametrize("model", ["procedureversion", "procedurestep"])
def test_versions_and_steps_are_records(model: str, shipped: Procedure, sign_in: Any, ben: Principal) -> None:
    with behind_walls(ben):
        version = ProcedureVersion.objects.get()
        row = version if model == "procedureversion" else version.steps.get(position=1)
    browser = sign_in("Administrator")
    assert browser.get(reverse(f"admin:procedures_app_{model}_changelist")).status_code == 200
    page = reverse(f"admin:procedures_app_{model}_change", args=[row.pk])
    assert browser.get(page).status_code == 200
    assert browser.post(page, {"title": "x"}).status_code == 403
    assert browser.get(reverse(f"admin:procedures_app_{model}_add")).status_code == 403


# -- text ------------------------------------------------------------------------------------------------------------


LIST = """1. Read the notes
   - Look for changed settings.
2. Ask a person to approve the production run
3. Run it"""


def test_a_pasted_list_is_shown_as_steps_and_becomes_a_draft_in_the_editor(editor: Client, ben: Principal) -> None:
    assert editor.get(address("paste")).status_code == 200
    sent = {"text": LIST, "title": "Migrate", "tenant": "acme"}
    seen = editor.post(address("paste"), sent | {"do": "preview"})
    steps = seen.context["document"]["steps"]
    assert (steps[0]["title"], steps[1]["kind"]) == ("Read the notes", "confirmation")
    page = editor.post(address("paste"), sent | {"do": "edit"}).context["form"]
    assert (page.state["title"], len(page.state["steps"]), page.unsaved) == ("Migrate", 3, True)
    with behind_walls(ben):
        assert not Procedure.objects.exists()


def test_what_is_no_list_stays_with_what_is_wrong(editor: Client) -> None:
    for text in ("", "   ", "no list at all", HOSTILE, "1." * 300_000, "1. \x00"):
        answer = editor.post(address("paste"), {"text": text, "tenant": "acme", "do": "edit"})
        assert answer.status_code in (200, 422), text[:20]
        assert "<script>alert" not in answer.content.decode()


NO_PROCEDURES: list[tuple[bytes, str]] = [
    (b"title: x\nsteps: [{id: A B, title: 7}]", "step 1"),
    (b"\xff\xfe\x00", "utf-8"),
    (b"x" * 400_001, "400 kb"),
    (b"", "nothing here"),
    (b"title: [", "line"),
    (b"{}", "title"),
]


def test_a_file_that_is_no_procedure_changes_nothing(editor: Client, ben: Principal) -> None:
    for content, said in NO_PROCEDURES:
        sent = {"file": SimpleUploadedFile("x.yaml", content), "format": "yaml", "tenant": "acme"}
        answer = editor.post(address("import"), sent)
        assert answer.status_code == 422
        assert said in answer.content.decode().lower(), content[:20]
    with behind_walls(ben):
        assert not Procedure.objects.exists()


def test_a_file_overwrites_no_draft(shipped: Procedure, editor: Client, ben: Principal) -> None:
    drafts.save("ship", changed(title="Written on"), principal=ben)
    upload = SimpleUploadedFile("x.yaml", documents.render(changed(), "yaml").encode())
    assert editor.post(address("import"), {"file": upload, "tenant": "acme"}).status_code == 422
    assert editor.post(address("import"), {"tenant": "acme"}).status_code == 422
    assert draft_of(shipped, ben)["title"] == "Written on"


def test_a_new_procedure_comes_from_a_file(editor: Client, ben: Principal) -> None:
    upload = SimpleUploadedFile("x.md", documents.render(changed(), "markdown").encode())
    assert editor.post(address("import"), {"file": upload, "tenant": "acme"}).status_code == 302
    assert drafts.of("ship", principal=ben).title == "Ship a release"


def test_the_six_are_installed_once(editor: Client, ben: Principal) -> None:
    for _ in range(2):
        assert editor.post(address("install"), {"tenant": "acme"})["Location"] == address("list")
        with behind_walls(ben):
            assert Procedure.objects.exclude(current=None).count() == 6
    assert editor.get(address("install")).status_code == 405
