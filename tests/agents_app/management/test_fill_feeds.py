"""The command that makes the feeds say what the registry holds."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command

from agents_app.models import ChangeFeed, FeedItem
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from tests.agents_app.feeds import Copy, rows
from tests.conftest import role


def fill() -> str:
    output = StringIO()
    with role("memoryhub_system"):
        call_command("fill_feeds", stdout=output)
    return output.getvalue()


def test_feeds_are_begun_and_brought_up_to_date_once(as_agent):
    alden = as_agent("alden")
    kept = [entries.store(Draft(key=f"k{n}", value=n, scope="agent"), principal=alden).entry_id for n in range(3)]
    assert fill().startswith("1 feeds begun; 1 slices compared, 0 feeds were behind")
    copy = Copy(alden)
    copy.pull()
    assert set(copy.entries) == {str(entry) for entry in kept}
    with role("memoryhub_system"):
        ContextEntry.objects.filter(pk=kept[0]).delete()
        FeedItem.objects.filter(object_id=kept[1]).delete()
    assert "1 feeds were behind" in fill()
    assert sorted(item[1:] for item in copy.pull()) == [("gone", "erased"), ("put", "")]
    assert fill().startswith("0 feeds begun; 1 slices compared, 0 feeds were behind")
    assert [feed.last_seq for feed in rows(ChangeFeed.objects.all())] == [5]
