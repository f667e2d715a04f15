"""Alerts reach a real webhook and a real mail server once, and at least once across a crash."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from sqlalchemy import Engine

from infra.errors import SettingsError
from infra.settings import settings
from infra.tables import AlertRow
from infra.webhooks.signing import signature
from monitoring.alerts.alert import Alert, AlertKind
from monitoring.alerts.outbox import (
    BACK_OFF,
    CLAIM,
    Delivered,
    _claim,
    deliver,
    raise_alerts,
    recent_alerts,
    revive,
)
from monitoring.alerts.watch import open_sinks
from tests.monitoring.alerts.conftest import SECRET, Receiver

NOW = datetime.now(UTC)
FAILED = Alert("cycle.failed/7", AlertKind.CYCLE_FAILED, "Cycle 7 failed", "no clips", NOW)


def tell(database: Engine, *alerts: Alert, at: datetime = NOW) -> Delivered:
    sinks = open_sinks(settings())
    raise_alerts(database, alerts, sinks, at)
    return deliver(database, sinks, at)


def state_of(database: Engine) -> list[tuple[str, str, int]]:
    ((_, deliveries),) = recent_alerts(database)
    return [(row.sink, row.state, row.attempts) for row in deliveries]


def test_a_signature_is_that_of_the_standard_s_own_library() -> None:
    """Made with standardwebhooks 1.1.0 of PyPI."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    value = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert value == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_gets_a_signed_message_once(database: Engine, webhook: Receiver) -> None:
    for _ in range(3):  # a flow that is tried again
        tell(database, FAILED)
    ((headers, body),) = webhook.requests
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert headers["webhook-signature"] == signature(
        key, headers["webhook-id"], headers["webhook-timestamp"], body
    )
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    document = json.loads(body)
    assert document["type"] == "cycle.failed"
    assert datetime.fromisoformat(document["timestamp"]) == NOW
    assert document["data"] == {
        "platform": "antiphon-detector",
        "severity": "warning",
        "title": "Cycle 7 failed",
        "detail": "no clips",
    }


def test_processes_that_tell_at_once_send_one_message(database: Engine, webhook: Receiver) -> None:
    threads = [threading.Thread(target=tell, args=(database, FAILED)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(webhook.requests) == 1


def test_a_process_that_dies_while_it_sends_leaves_the_message_to_another(
    database: Engine, webhook: Receiver
) -> None:
    sinks = open_sinks(settings())
    raise_alerts(database, [FAILED], sinks, NOW)
    assert _claim(database, sinks, NOW) is not None  # and it dies here
    assert deliver(database, sinks, NOW + CLAIM / 2).sent == 0
    assert deliver(database, sinks, NOW + CLAIM * 1.1).sent == 1
    ((headers, _),) = webhook.requests
    ((alert, _),) = recent_alerts(database)
    assert headers["webhook-id"] == alert.id


def test_a_receiver_that_fails_is_tried_at_longer_and_longer_intervals_then_given_up(
    database: Engine, webhook: Receiver
) -> None:
    webhook.status = 500
    at = NOW
    (failure,) = tell(database, FAILED).failures
    assert failure == "webhook: webhook at 127.0.0.1: status 2xx expected, found 500"
    for pause in BACK_OFF:
        assert tell(database, at=at + pause / 2) == Delivered()  # not due
        at += pause
        assert tell(database, at=at).failures
    assert state_of(database) == [("webhook", "dead", len(BACK_OFF) + 1)]
    assert tell(database, at=at + timedelta(days=30)) == Delivered()
    assert len({headers["webhook-id"] for headers, _ in webhook.requests}) == 1

    webhook.status = 200
    assert revive(database, at) == 1
    assert tell(database, at=at).sent == 1
    assert state_of(database) == [("webhook", "sent", 1)]


def test_a_receiver_that_is_gone_is_tried_once(database: Engine, webhook: Receiver) -> None:
    webhook.status = 410
    tell(database, FAILED)
    assert state_of(database) == [("webhook", "dead", 1)]


def test_only_the_address_of_the_settings_is_called(database: Engine, webhook: Receiver) -> None:
    webhook.status, webhook.location = 307, webhook.url.replace("hooks", "elsewhere")
    (failure,) = tell(database, FAILED).failures
    assert "a redirection, which is not followed" in failure
    assert len(webhook.requests) == 1


def test_no_sentence_holds_the_secret_path_of_a_webhook(
    database: Engine,
    webhook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    monkeypatch.setenv("ANTIPHON_ALERT_WEBHOOK_URL", f"http://127.0.0.1:{free_port()}/T0K3N")
    (failure,) = tell(database, FAILED).failures
    assert failure.startswith("webhook: webhook at 127.0.0.1: ") and "T0K3N" not in failure
    assert "T0K3N" not in repr(settings()) + repr(open_sinks(settings()))
    assert not webhook.requests


def test_an_alert_without_sinks_is_kept_and_not_sent_later(
    database: Engine, webhook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTIPHON_ALERT_WEBHOOK_URL")
    tell(database, FAILED)
    monkeypatch.setenv("ANTIPHON_ALERT_WEBHOOK_URL", webhook.url)
    tell(database, FAILED)
    assert (state_of(database), webhook.requests) == ([], [])


class Mailbox(MessageHandler):
    """Keeps what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)


def signed_in(
    _server: SMTP, _session: object, _envelope: object, _how: str, who: object
) -> AuthResult:
    right = isinstance(who, LoginPassword) and who.password == b"pass word"
    return AuthResult(success=right, handled=right)


@pytest.fixture
def mailbox(
    server_tls: ssl.SSLContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[Mailbox]:
    """A mail server that wants STARTTLS and a password, named by the settings."""
    mailbox, port = Mailbox(), free_port()
    server = Controller(
        mailbox, hostname="127.0.0.1", port=port, tls_context=server_tls, require_starttls=True,
        authenticator=signed_in, auth_required=True,
    )  # fmt: skip
    server.start()
    monkeypatch.setenv("ANTIPHON_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("ANTIPHON_SMTP_PORT", str(port))
    monkeypatch.setenv("ANTIPHON_SMTP_USER", "antiphon")
    monkeypatch.setenv("ANTIPHON_SMTP_PASSWORD", "pass word")
    monkeypatch.setenv("ANTIPHON_ALERT_EMAIL_FROM", "antiphon@example.org")
    monkeypatch.setenv("ANTIPHON_ALERT_EMAIL_TO", "ada@example.org, berta@example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield mailbox
    server.stop()


def test_a_mail_server_gets_a_message_for_every_recipient_once(
    database: Engine, mailbox: Mailbox
) -> None:
    hostile = Alert(
        "k", AlertKind.CYCLE_FAILED, "Cycle 7\r\nBcc: eve@example.org", "no \x1b[31mclips", NOW
    )
    for _ in range(2):
        assert tell(database, hostile).failures == ()
    (message,) = mailbox.messages
    assert message["subject"] == "[antiphon-detector] warning: Cycle 7 Bcc: eve@example.org"
    assert message["bcc"] is None
    assert message["to"] == "ada@example.org, berta@example.org"
    assert message["x-rcptto"] == "ada@example.org, berta@example.org"
    ((alert, _),) = recent_alerts(database)
    assert message["message-id"] == f"<{alert.id}@example.org>"
    text = message.get_payload()
    assert isinstance(text, str) and r"no \x1b[31mclips" in text and "cycle.failed" in text


def test_a_password_is_not_sent_to_a_server_that_nobody_vouches_for(
    database: Engine, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    (failure,) = tell(database, FAILED).failures
    assert failure.startswith("email: mail server 127.0.0.1:") and "certificate" in failure
    assert not mailbox.messages


def test_a_refused_password_is_a_sentence_without_it(
    database: Engine, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_SMTP_PASSWORD", "wr0ng")
    (failure,) = tell(database, FAILED).failures
    assert "535" in failure and "wr0ng" not in failure
    assert not mailbox.messages


def test_a_sink_that_is_down_does_not_keep_alerts_from_the_other(
    database: Engine, mailbox: Mailbox, webhook: Receiver
) -> None:
    webhook.status = 503
    other = Alert("cycle.failed/8", AlertKind.CYCLE_FAILED, "Cycle 8 failed", "no clips", NOW)
    result = tell(database, FAILED, other)
    assert (result.sent, len(result.failures)) == (2, 1)
    assert len(mailbox.messages) == 2
    assert len(webhook.requests) == 1, "the second alert waits for the next look"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("WEBHOOK_URL", "ftp://example.org/x", "https://HOST/PATH or http://"),
        ("WEBHOOK_URL", "https://example.org/x", "ANTIPHON_ALERT_WEBHOOK_SECRET beside it"),
        ("WEBHOOK_SECRET", "whsec_c2hvcnQ=", "whsec_ and the base64 of 24 to 64 bytes"),
        ("WEBHOOK_SECRET", "secret", "whsec_ and the base64 of 24 to 64 bytes"),
        ("EMAIL_TO", "ada@example.org", "ANTIPHON_SMTP_HOST beside it"),
        ("EMAIL_FROM", "ada", "addresses such as ada@example.org"),
    ],
)
def test_a_setting_that_could_send_nothing_is_refused_at_once(
    state: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    assert state.is_dir()
    monkeypatch.setenv(f"ANTIPHON_ALERT_{name}", value)
    with pytest.raises(SettingsError) as error:
        settings()
    assert str(error.value).startswith(f"ANTIPHON_ALERT_{name}: {sentence}")


def test_alerts_are_listed_newest_first(database: Engine) -> None:
    for number in range(3):
        alert = Alert(f"k{number}", AlertKind.TEST, str(number), "", NOW)
        raise_alerts(database, [alert], [], NOW + timedelta(seconds=number))
    rows: list[AlertRow] = [alert for alert, _ in recent_alerts(database, 2)]
    assert [alert.title for alert in rows] == ["2", "1"]
