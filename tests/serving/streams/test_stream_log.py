"""What is known of streams reaches the database, and is known until it does."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from infra.database import open_database
from infra.errors import UnreachableError
from infra.live.stream_rows import read_stream
from infra.webhooks.outbox import WebhookEvent, recent_messages
from infra.webhooks.targets import AllowedTargets
from models.evaluation.policies import SpeechVerdict
from serving.streams.messages import StreamAnswer
from serving.streams.stream_log import StreamLog

NOW = datetime.now(UTC)
TARGET = AllowedTargets.parse("https://fraud.example.org").target("https://fraud.example.org/hook")
ENDED = WebhookEvent("stream/s1/ended", "stream.ended", NOW, {})


def state(verdict: SpeechVerdict, duration: float) -> StreamAnswer:
    return StreamAnswer(
        id="s1", dialect="native", call_id="c", state="open", model_version=1, policy="default",
        opened_at=NOW, ended_at=None, duration=duration, speech_s=0.0, verdict=verdict,
        decided=False, channels=[], segments=[], skipped=0, gaps=0, close_code=None,
    )  # fmt: skip


class Database:
    """One that can be away."""

    def __init__(self, folder: Path) -> None:
        self.url, self.is_away = f"sqlite:///{folder}/streams.db", True

    def connect(self) -> Engine:
        if self.is_away:
            raise UnreachableError("the database is away")
        return open_database(self.url)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def test_the_newest_state_and_every_message_wait_for_the_database(database: Database) -> None:
    news = threading.Event()
    log = StreamLog(database.connect, news.set)
    log.start()
    log.put(state(SpeechVerdict.UNCERTAIN, 1.0))
    log.put(state(SpeechVerdict.SPOOF, 2.0), [(ENDED, TARGET)])
    (waiting,) = log.waiting()
    assert waiting.duration == 2.0, "of each stream one state waits, the newest"
    database.is_away = False
    assert news.wait(10)
    row = read_stream(database.connect(), "s1")
    assert row is not None and (row.verdict, row.duration_s) == ("spoof", 2.0)
    assert [message.key for message in recent_messages(database.connect())] == [ENDED.key]
    assert log.waiting() == []
    log.close()
    assert not log.writing
