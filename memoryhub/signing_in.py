"""The admin's sign-in form. A module of its own: the admin site is made of it before any model may be imported."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from unfold.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """Remembers when the user signed in before: the dashboard tells what happened since."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        super().confirm_login_allowed(user)
        if self.request is not None and user.last_login is not None:
            self.request.session["since"] = user.last_login.isoformat()
