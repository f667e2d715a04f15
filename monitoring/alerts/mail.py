"""Alerts as e-mail, through an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

from infra.errors import reason_of
from infra.tables import AlertRow
from infra.webhooks.delivery import DeliveryError
from models.printable import printable

TIMEOUT_S = 10.0  # for each answer of the server


@dataclass(frozen=True)
class MailSink:
    """The recipients, and the server that takes the mail."""

    host: str
    port: int
    security: str  # starttls | tls | none
    sender: str
    recipients: tuple[str, ...]
    platform: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def send(self, alert: AlertRow) -> None:
        """Hand one message to the server; it may refuse some recipients, not all."""
        try:
            with self._server() as server:
                server.send_message(self._message(alert))
        except (smtplib.SMTPException, OSError) as error:
            place = f"mail server {self.host}:{self.port}"
            raise DeliveryError(f"{place}: {_reason(error)}") from None

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        address = (self.host, self.port)
        with (
            smtplib.SMTP_SSL(*address, timeout=TIMEOUT_S, context=context)
            if self.security == "tls"
            else smtplib.SMTP(*address, timeout=TIMEOUT_S)
        ) as server:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user is not None:
                server.login(self.user, self.password or "")
            yield server

    def _message(self, alert: AlertRow) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.recipients)
        title = printable(" ".join(alert.title.split()))
        message["Subject"] = f"[{self.platform}] {alert.severity}: {title}"
        message["Date"] = alert.happened_at
        message["Message-ID"] = f"<{alert.id}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{title}\n\n{printable(' '.join(alert.detail.split()))}\n\n"
            f"kind      {alert.kind}\n"
            f"happened  {alert.happened_at:%Y-%m-%d %H:%M:%S} UTC\n"
            f"what to do: docs/alerts.md\n"
        )
        return message


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "every recipient was refused"
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return printable(f"{error.smtp_code} {text.splitlines()[0] if text else ''}".strip())
    return printable(reason_of(error))
