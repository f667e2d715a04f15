"""One look: what happened is written down, and what is due is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from infra.settings import Settings
from infra.tables import AlertRow
from infra.webhooks.signing import key_of
from models.params.retraining import RetrainingParams
from monitoring.alerts.events import events
from monitoring.alerts.mail import MailSink
from monitoring.alerts.outbox import Delivered, deliver, raise_alerts
from monitoring.alerts.sinks import Sink
from monitoring.alerts.webhook import WebhookSink


@dataclass(frozen=True)
class AlertLook:
    """What a look found and sent."""

    new: tuple[AlertRow, ...]
    delivered: Delivered


def open_sinks(here: Settings) -> dict[str, Sink]:
    """The sinks of the settings, by name; empty where none is set."""
    sinks: dict[str, Sink] = {}
    platform = here.registered_model
    if here.alert_webhook_url is not None and here.alert_webhook_secret is not None:
        key = key_of(here.alert_webhook_secret.get_secret_value())
        sinks["webhook"] = WebhookSink(here.alert_webhook_url, key, platform)
    if here.alert_email_to and here.alert_email_from and here.smtp_host:
        password = here.smtp_password
        sinks["email"] = MailSink(
            host=here.smtp_host,
            port=here.smtp_port,
            security=here.smtp_security,
            sender=here.alert_email_from,
            recipients=tuple(here.alert_email_to.split(",")),
            platform=platform,
            user=here.smtp_user,
            password=password.get_secret_value() if password else None,
        )
    return sinks


def look(
    engine: Engine, here: Settings, params: RetrainingParams, now: datetime | None = None
) -> AlertLook:
    """Raise the alerts of what happened since the last look, and try what is due.

    Whoever runs calls it: flows at their end, the console, `antiphon alerts check`. Raises
    UnreachableError where the database cannot be reached, never because of a sink.
    """
    sinks = open_sinks(here)
    happened = events(engine, params, here.alert_silence_h, now or datetime.now(UTC))
    new = raise_alerts(engine, happened, sinks, now)
    return AlertLook(tuple(new), deliver(engine, sinks, now))
