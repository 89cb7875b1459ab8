"""Verbs on a page: a button, a native dialog that says what will happen, a POST, one service call.

unfold's own actions change state on GET and know no permission unless told; these do neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from memoryhub.access.admin.base import principal_of
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal

#: Longest reason that a form takes, in characters.
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Call:
    """One press of a button: on which object, by whom, with what the form said."""

    object: Any
    principal: Principal
    fields: Mapping[str, str]

    @property
    def reason(self) -> str:
        return self.fields.get("reason", "").strip()


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that a staff user can do to one object.

    ``permission`` is ``view``, ``change`` or ``delete`` of the model. ``run`` makes one service call and says in a
    sentence what was done; a ``HubError`` becomes a message. ``available`` decides whether the button is shown;
    whether it may be done is the service's business.
    """

    name: str
    label: str
    question: str
    run: Callable[[Call], str]
    permission: str = "change"
    reason: str = "optional"
    danger: bool = False
    available: Callable[[Any], bool] = lambda found: True
    icon: str = ""


class VerbsMixin:
    """For a ModelAdmin: ``verbs`` become buttons on the page of an object."""

    verbs: tuple[Verb, ...] = ()
    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_verb"
        view = self.admin_site.admin_view(require_POST(self.verb_view))
        own = [path("<path:object_id>/do/<slug:verb>/", view, name=name)]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]

    def verb_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        found = self.get_object(request, object_id)  # type: ignore[attr-defined]
        wanted = next((known for known in self.verbs if known.name == verb), None)
        if found is None or wanted is None:
            raise Http404
        if not self.may(request, wanted, found):
            raise PermissionDenied
        self.carry_out(request, wanted, found)
        return HttpResponseRedirect(self.page_after(found))

    def may(self, request: HttpRequest, verb: Verb, found: Model) -> bool:
        return bool(getattr(self, f"may_{verb.permission}")(request, found))

    def may_view(self, request: HttpRequest, found: Model) -> bool:
        return bool(self.has_view_permission(request, found))  # type: ignore[attr-defined]

    def may_change(self, request: HttpRequest, found: Model) -> bool:
        """From the user's permissions: the model's form itself may be read-only."""
        return self.holds(request, "change")

    def may_delete(self, request: HttpRequest, found: Model) -> bool:
        return self.holds(request, "delete")

    def holds(self, request: HttpRequest, action: str) -> bool:
        return bool(request.user.has_perm(f"{self.opts.app_label}.{action}_{self.opts.model_name}"))

    def carry_out(self, request: HttpRequest, verb: Verb, found: Model) -> bool:
        fields = {name: str(value) for name, value in request.POST.items()}
        call = Call(found, principal_of(request).within(getattr(found, "tenant_id", None)), fields)
        if len(call.reason) > LONGEST_REASON:
            messages.error(request, f"The reason is longer than {LONGEST_REASON} characters. Shorten it.")
            return False
        if verb.reason == "required" and not call.reason:
            messages.error(request, f"{verb.label}: say why. Nothing was changed.")
            return False
        try:
            with transaction.atomic():
                messages.success(request, verb.run(call))
        except HubError as error:
            messages.error(request, f"{verb.label}: {error.message}")
            return False
        return True

    def verb_address(self, found: Model, verb: Verb) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_verb"
        return reverse(name, args=[found.pk, verb.name])

    def page_after(self, found: Model) -> str:
        """The object's page, or the list where the verb removed the object."""
        if type(found)._default_manager.filter(pk=found.pk).exists():
            return self.page_of(found)
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def page_of(self, found: Model) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[found.pk])

    def buttons(self, request: HttpRequest, found: Model) -> list[dict[str, Any]]:
        """For the template ``hub/verbs.html``."""
        return [
            {"verb": verb, "url": self.verb_address(found, verb)}
            for verb in self.verbs
            if verb.available(found) and self.may(request, verb, found)
        ]
