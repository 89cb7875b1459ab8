"""How notices leave the hub: by e-mail and by signed webhook, each a store of the outbox.

So each is tried again with growing pauses, parked after too many failures, and shown in the admin. Neither says what
a memory holds: names, times and a link.
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from agents_app.models import Notice
from agents_app.services import notices
from agents_app.services.notices import Told
from memoryhub.access.texts import absolute, relative, spelled_out
from memoryhub.config_sections import HttpStore as HttpStoreSettings
from memoryhub.config_sections import Notices
from memoryhub.sync import states, stores
from memoryhub.sync.http_store import HttpStore
from memoryhub.sync.models import Delivery
from memoryhub.sync.stores import NotReady, Problem

LONGEST_KEY = 80
#: A mail server that is away is asked again so much later; the attempt is not counted.
AWAY_SECONDS = 30.0


def register_configured() -> None:
    """The stores that the settings ask for: without any, notices stay in the admin."""
    config = settings.CONFIG.notices
    if config.smtp_host:
        stores.register(NoticeEmail(config))
    if config.webhook_url:
        stores.register(NoticeWebhook(config))


def link_to(told: Told) -> str:
    config = settings.CONFIG
    hub = config.notices.hub_url.rstrip("/") or f"http://{config.server.host}:{config.server.port}"
    return hub + told.about.path


class NoticeWebhook(HttpStore):
    """A POST as every outside store gets it (docs/external-stores.md), with the notice as its state."""

    def __init__(self, config: Notices) -> None:
        super().__init__(
            HttpStoreSettings(
                name="notice_webhook",
                url=config.webhook_url,
                timeout_seconds=config.webhook_timeout_seconds,
                connections=1,
            )
        )

    @property
    def topics(self) -> frozenset[str]:
        return frozenset({notices.TOPIC})

    def load_states(self, batch: Sequence[Delivery]) -> Mapping[UUID, states.State]:
        found = notices.told([delivery.object_id for delivery in batch])
        return {pk: states.State(1, document(told)) for pk, told in found.items()}


def document(told: Told) -> dict[str, Any]:
    about = told.about
    return {
        "notice_id": str(told.notice_id),
        "reason": told.reason,
        **about.fields,
        "severity": about.severity,
        "open": about.is_open,
        "opened_at": about.opened_at,
        "due_at": about.due_at,
        "link": link_to(told),
    }


class NoticeEmail:
    """One message a notice, over one connection a batch."""

    name = "notice_email"
    topics = frozenset({notices.TOPIC})

    def __init__(self, config: Notices) -> None:
        self.config = config

    def deliver(self, batch: Sequence[Delivery]) -> Mapping[int, Problem]:
        found = notices.told([delivery.object_id for delivery in batch])
        letters = {delivery.pk: self.letter(found.get(delivery.object_id)) for delivery in batch}
        wanted = {pk: letter for pk, letter in letters.items() if letter is not None}
        return self.send(wanted) if wanted else {}

    def letter(self, told: Told | None) -> EmailMessage | None:
        """None where nobody needs one: it is decided or gone, or nobody has an address."""
        if told is None or not told.about.is_open:
            return None
        to = [told.recipient_email] if told.recipient_email else list(self.config.email_recipients)
        if not to:
            return None
        # the same at every try, so that a mail program shows a letter once that was sent twice
        once = {"Message-ID": f"<{told.notice_id}@memoryhub>"}
        return EmailMessage(subject(told), text(told), self.config.email_from, to, headers=once)

    def send(self, letters: Mapping[int, EmailMessage]) -> dict[int, Problem]:
        connection = self.connection()
        try:
            connection.open()
        except smtplib.SMTPException as error:  # it is there and refuses us: a person has to look
            return dict.fromkeys(letters, said(error))
        except OSError as error:
            away = NotReady(f"{self.config.smtp_host} cannot be reached: {error}", retry_in=AWAY_SECONDS)
            return dict.fromkeys(letters, away)
        try:
            return {pk: problem for pk, letter in letters.items() if (problem := post(connection, letter))}
        finally:
            connection.close()

    def connection(self) -> EmailBackend:
        config = self.config
        return EmailBackend(
            host=config.smtp_host,
            port=config.smtp_port,
            username=config.smtp_user,
            password=config.smtp_password.get_secret_value() if config.smtp_password else "",
            use_tls=config.smtp_tls == "starttls",
            use_ssl=config.smtp_tls == "tls",
            timeout=config.smtp_timeout_seconds,
        )


def post(connection: EmailBackend, letter: EmailMessage) -> str | None:
    try:
        connection.send_messages([letter])
    except (smtplib.SMTPException, OSError) as error:
        return said(error)
    return None


def said(error: Exception) -> str:
    return f"The mail server did not take it: {type(error).__name__} {error}".strip()


def subject(told: Told) -> str:
    about, key = told.about, spelled_out(told.about.where)
    short = key if len(key) <= LONGEST_KEY else key[: LONGEST_KEY - 1] + "…"
    line = f"[MemoryHub] {about.severity} {about.noun} {Notice.Reason(told.reason).label.lower()}: {short}"
    return " ".join(line.split())  # a line break would end the header


def text(told: Told) -> str:
    about = told.about
    lines = [
        told.sentence,
        "",
        f"What:     {about.what}",
        f"Where:    {spelled_out(about.where)}" + (f" (tenant {about.tenant_id})" if about.tenant_id else ""),
        f"Severity: {about.severity}",
        f"Opened:   {moment(about.opened_at)}",
        f"Due:      {moment(about.due_at) if about.due_at else 'no time set'}",
        "",
        f"Decide:   {link_to(told)}",
        "",
    ]
    return "\n".join(lines)


def moment(at: datetime) -> str:
    return f"{absolute(at)} UTC, {relative(at)}"
