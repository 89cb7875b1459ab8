"""The search model in the admin: what people see of it, and who may change it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.search.models import VectorSpace
from memoryhub.search.services import building, space_changes, spaces
from memoryhub.search.services.spaces import State, Wanted
from tests.conftest import MakeClient, role
from tests.search.conftest import add, index_row
from tests.search.test_spaces import BOSS, SYSTEM

pytestmark = pytest.mark.django_db
LIST = reverse("admin:search_vectorspace_changelist")


@pytest.fixture
def space(tenant: str) -> VectorSpace:
    """On its way, beside the active one."""
    add([index_row("one"), index_row("two")])
    return space_changes.start(principal=BOSS, wanted=Wanted("hashing", {"dimension": 64}, 40))


def page_of(space_id: UUID) -> str:
    return reverse("admin:search_vectorspace_change", args=[space_id])


def press(browser: Client, space_id: UUID, verb: str) -> int:
    return browser.post(reverse("admin:search_vectorspace_verb", args=[space_id, verb])).status_code


def shown(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def state(space: VectorSpace) -> str:
    space.refresh_from_db()
    return space.state


def work() -> None:
    with role("memoryhub_system"):
        while building.work(principal=SYSTEM):
            pass


def test_the_list_shows_how_far_it_is(space: VectorSpace, sign_in: Any) -> None:
    VectorSpace.objects.filter(pk=space.pk).update(done=250, total=1000, rate=50.0)
    page = shown(sign_in("Auditor"), LIST)
    assert "hashing-64/said-40" in page
    assert 'value="25"' in page
    assert "250 of 1,000 rows · 50 rows/s, 0:00:15 left" in page
    assert "Searches by meaning compare vectors" in page


def test_an_empty_list_and_a_failure_explain_themselves(tenant: str, sign_in: Any) -> None:
    assert "Searches by meaning compare vectors" in shown(sign_in(), LIST)
    spaces.active_row()
    failed = space_changes.start(principal=BOSS, wanted=Wanted("hashing", {"dimension": 64}, 40))
    VectorSpace.objects.filter(pk=failed.pk).update(state=State.FAILED, error="3 rows could not be embedded")
    page = shown(sign_in(), page_of(failed.pk))
    assert "3 rows could not be embedded" in page
    assert "It could not be completed" in page


def test_what_went_wrong_may_quote_memories_so_only_staff_that_sees_all_of_them_reads_it(
    space: VectorSpace, sign_in: Any
) -> None:
    VectorSpace.objects.filter(pk=space.pk).update(error="It said: a giraffe")
    limited, browser = sign_in("Administrator", tenants=["acme"]), sign_in()
    for address in (LIST, page_of(space.pk)):
        assert "giraffe" in shown(browser, address)
        assert "giraffe" not in shown(limited, address)


def test_it_is_paused_resumed_switched_to_and_left_by_buttons(space: VectorSpace, sign_in: Any) -> None:
    browser = sign_in()
    assert ">Pause<" in shown(browser, page_of(space.pk))
    assert press(browser, space.pk, "pause") == 302
    assert state(space) == "paused"
    press(browser, space.pk, "resume")
    VectorSpace.objects.filter(pk=space.pk).update(switch_by_itself=False)
    work()
    assert state(space) == "ready"
    press(browser, space.pk, "switch")
    assert state(space) == "active"
    former = VectorSpace.objects.get(state=State.RETIRED)
    assert "Go back to it" in shown(browser, page_of(former.pk))
    press(browser, former.pk, "roll-back")
    assert state(former) == "building"
    press(browser, former.pk, "cancel")
    assert state(former) == "retired"


def test_what_was_cancelled_is_built_again(space: VectorSpace, sign_in: Any) -> None:
    browser = sign_in()
    press(browser, space.pk, "cancel")
    assert state(space) == "retired"
    assert "Build again" in shown(browser, page_of(space.pk))
    press(browser, space.pk, "start")
    assert state(space) == "building"


def test_a_button_that_came_too_late_says_why(space: VectorSpace, sign_in: Any) -> None:
    answer = sign_in().post(reverse("admin:search_vectorspace_verb", args=[space.pk, "switch"]), follow=True)
    assert "is not ready: it is being built." in answer.content.decode()


@pytest.mark.parametrize("verb", ["pause", "resume", "switch", "roll-back", "start", "cancel"])
def test_only_administrators_of_all_tenants_change_it(
    verb: str, space: VectorSpace, api: MakeClient, sign_in: Any
) -> None:
    for browser in (sign_in("Auditor"), sign_in("Conflict reviewer"), sign_in("Administrator", tenants=["acme"])):
        assert press(browser, space.pk, verb) == 403
        assert ">Pause<" not in shown(browser, page_of(space.pk))
    answer = Client().post(reverse("admin:search_vectorspace_verb", args=[space.pk, verb]))
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, reverse("admin:login"))
    assert state(space) == "building"


def test_nobody_changes_it_by_looking(space: VectorSpace, sign_in: Any) -> None:
    assert sign_in().get(reverse("admin:search_vectorspace_verb", args=[space.pk, "pause"])).status_code == 405
    assert Client().get(LIST).status_code == 302
    assert sign_in().post(page_of(space.pk), {"state": "active"}).status_code == 403
