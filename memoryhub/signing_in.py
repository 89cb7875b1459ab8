"""The admin's sign-in form. A module of its own: the admin site is made of it before any model may be imported."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone
from unfold.forms import AuthenticationForm

#: A pause this long between two looks begins a new visit.
NEW_VISIT_AFTER = timedelta(minutes=30)


class SignInForm(AuthenticationForm):
    """Remembers when the user signed in before: the dashboard tells what happened since."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super().confirm_login_allowed(user)
        before = user.last_login
        if self.request is not None and before is not None and timezone.now() - before > NEW_VISIT_AFTER:
            self.request.session["since"] = before.isoformat()
