"""Messages reach a real receiver once, at least once across a crash, or are dead letters."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from infra.webhooks import courier as courier_module
from infra.webhooks.courier import Courier, Sender
from infra.webhooks.delivery import DeliveryError
from infra.webhooks.outbox import (
    BACK_OFF,
    CLAIM,
    KEPT,
    WebhookEvent,
    claim,
    forget_sent,
    put,
    recent_messages,
    record_failure,
    record_sent,
    revive,
)
from infra.webhooks.signing import signature
from infra.webhooks.targets import AllowedTargets
from tests.receiver import Receiver, receiving

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
KEYS = (b"k" * 24, b"n" * 32)  # the second replaces the first
ENDED = WebhookEvent("stream/7/ended", "stream.ended", NOW, {"stream_id": "7", "verdict": "spoof"})


def listed(*receivers: Receiver) -> AllowedTargets:
    return AllowedTargets.parse(",".join(receiver.url for receiver in receivers))


@contextmanager
def sending(database: Engine, targets: AllowedTargets) -> Iterator[Courier]:
    courier = Courier(lambda: database, Sender(targets, KEYS), interval_s=0.05)
    courier.start()
    yield courier
    courier.close()
    assert not courier.running


def wait_until(holds: Callable[[], bool], courier: Courier) -> None:
    """Look again and again while the courier works."""
    deadline = time.monotonic() + 10
    while not holds():
        assert courier.running and time.monotonic() < deadline
        time.sleep(0.02)


def write(database: Engine, receiver: Receiver, event: WebhookEvent = ENDED) -> None:
    put(database, event, listed(receiver).target(receiver.url))


def outcomes(database: Engine) -> list[tuple[str, int]]:
    return [(message.state, message.attempts) for message in recent_messages(database)]


def test_a_message_arrives_once_signed_by_both_keys(database: Engine, receiver: Receiver) -> None:
    for _ in range(3):  # a worker that is told twice
        write(database, receiver)
    with sending(database, listed(receiver)) as courier:
        receiver.wait_for(1)
        courier.wake()
    ((headers, body),) = receiver.requests
    facts = headers["webhook-id"], headers["webhook-timestamp"], body
    expected = [signature(key, *facts) for key in KEYS]
    assert headers["webhook-signature"].split(" ") == expected
    assert json.loads(body) == {
        "type": "stream.ended",
        "timestamp": NOW.isoformat(),
        "data": {"stream_id": "7", "verdict": "spoof"},
    }
    assert outcomes(database) == [("sent", 1)]


def test_a_name_is_called_at_the_checked_address_and_its_certificate_is_verified(
    database: Engine, certificate: Path, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving("localhost", server_tls) as receiver:
        write(database, receiver)
        nets = "127.0.0.0/8,::1/128"
        with sending(database, AllowedTargets.parse(f"{receiver.url},{nets}")):
            ((headers, _),) = receiver.wait_for(1)
    assert headers["host"] == receiver.url.split("/")[2]


def test_a_name_that_leads_to_this_machine_is_not_called(database: Engine) -> None:
    with receiving("localhost") as receiver:
        write(database, receiver)
        with sending(database, listed(receiver)) as courier:
            wait_until(lambda: recent_messages(database)[0].error is not None, courier)
        assert "no public address" in str(recent_messages(database)[0].error)
        assert receiver.requests == []


def test_a_target_that_is_no_longer_listed_gets_nothing(
    database: Engine, receiver: Receiver
) -> None:
    write(database, receiver)
    with sending(database, AllowedTargets()) as courier:
        wait_until(lambda: outcomes(database) == [("dead", 1)], courier)
    assert receiver.requests == []


def test_a_redirection_is_not_followed_and_no_error_holds_the_secret_path(
    database: Engine, receiver: Receiver
) -> None:
    receiver.status, receiver.location = 307, receiver.url.replace("hooks", "elsewhere")
    write(database, receiver)
    with sending(database, listed(receiver)) as courier:
        wait_until(lambda: recent_messages(database)[0].error is not None, courier)
    (message,) = recent_messages(database)
    assert message.error is not None and "a redirection, which is not followed" in message.error
    assert "T0K3N" not in message.error
    assert len(receiver.requests) == 1


def test_a_receiver_that_does_not_answer_holds_up_nobody_else(
    database: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "ATTEMPT_S", 0.3)
    with receiving() as silent:
        silent.answering.clear()
        for number in range(3):
            event = WebhookEvent(f"s{number}", "stream.ended", NOW, {})
            write(database, silent, event)
        write(database, receiver)
        with sending(database, listed(receiver, silent)) as courier:
            receiver.wait_for(1)
            wait_until(lambda: ("waiting", 1) in outcomes(database), courier)
    errors = {message.error for message in recent_messages(database)} - {None}
    assert all("a status within 0.3 s expected" in str(error) for error in errors) and errors


def test_attempts_come_at_longer_and_longer_intervals_until_the_message_is_dead(
    database: Engine, receiver: Receiver
) -> None:
    write(database, receiver)
    at = datetime.now(UTC)
    for pause in (*BACK_OFF, None):
        (message,) = claim(database, 9, (), at)
        record_failure(database, message, DeliveryError("no"), at)
        if pause is not None:
            assert claim(database, 9, (), at + pause * 0.9) == []
            at += pause
    assert outcomes(database) == [("dead", len(BACK_OFF) + 1)]
    assert claim(database, 9, (), at + timedelta(days=30)) == []
    assert revive(database, at) == 1
    assert len(claim(database, 9, (), at)) == 1


def test_a_process_that_dies_while_it_sends_leaves_the_message_to_another(
    database: Engine, receiver: Receiver
) -> None:
    write(database, receiver)
    at = datetime.now(UTC)
    (first,) = claim(database, 9, (), at)  # and it dies here
    assert claim(database, 9, (), at + CLAIM / 2) == []
    (again,) = claim(database, 9, (), at + CLAIM * 1.1)
    assert (again.id, again.attempts) == (first.id, 2)


def test_messages_that_were_sent_are_forgotten_and_dead_ones_kept(
    database: Engine, receiver: Receiver
) -> None:
    for number in range(2):
        write(database, receiver, WebhookEvent(str(number), "stream.ended", NOW, {}))
    sent, dead = claim(database, 9, ())
    record_sent(database, sent, NOW)
    record_failure(database, dead, DeliveryError("gone", is_final=True), NOW)
    assert forget_sent(database, NOW + KEPT * 0.9) == 0
    assert forget_sent(database, NOW + KEPT * 1.1) == 1
    assert outcomes(database) == [("dead", 1)]
