"""A database of antiphon, and receivers of alerts: a real HTTP server and a real SMTP server."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from infra.database import open_database
from infra.settings import settings
from tests.certificate import self_signed
from tests.receiver import Receiver, receiving

SECRET = "whsec_" + base64.b64encode(b"twenty-four-bytes-or-more").decode()


@pytest.fixture
def database(state: Path) -> Iterator[Engine]:
    """The database that the settings name."""
    assert state.is_dir()
    engine = open_database(settings().database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def webhook(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """The receiver, named by the settings."""
    monkeypatch.setenv("ANTIPHON_ALERT_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("ANTIPHON_ALERT_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return receiver


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
