"""No client, file or person breaks a command for everybody by what they write into a string."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.cli import main
from flows.places import engine
from infra import audit, ledger
from infra.database import session
from infra.field_samples import flag
from infra.tables import Cycle, CycleRequestRow, ScoredRequest, SetComparison, ShadowLook
from tests.test_printable import HOSTILE

NOW = datetime.now(UTC)
WORKS = (0, 1, 2)  # 3 would be an outage; a traceback is raised


@pytest.fixture(params=HOSTILE[:-1])  # a database takes no surrogates
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param).replace("\x00", "")  # nor NUL, on PostgreSQL


@pytest.fixture
def _written(mlflow_state: Path, text: str) -> None:  # noqa: ARG001
    """Hostile text wherever the tables take text from outside."""
    request = ScoredRequest(
        request_id=text[:36], scored_at=NOW, model_version=1, cm_score=0.0, spoof_probability=0.5,
        verdict="bonafide", threshold=0.0, duration_s=1.0, windows=1, features={},
        embedding_sketch=[], audio_sha256="a", audio_key=text, source=text, speaker_id=text,
    )  # fmt: skip
    look = ShadowLook(
        shadow_id="s", number=1, looked_at=NOW, model_version=2, champion=1, recordings=[],
        gains=[], e_value=1.0, decision="drop", reason=text,
    )  # fmt: skip
    comparison = SetComparison(
        run_id="run", set_name="frozen", version=text[:64], bonafide=1, spoof=1, clusters=1,
        level=0.0, decision="reject", compared_at=NOW,
    )  # fmt: skip
    cycle = Cycle(
        id="c1", started_at=NOW, heartbeat_at=NOW, ended_at=NOW, fencing_token=1,
        outcome="failed", summary={"reason": text},
    )  # fmt: skip
    with session(engine()) as transaction:
        transaction.add_all([request, look, comparison, cycle])
        transaction.flush()
        asked_for = {"trigger": "manual", "reason": text, "cycle_id": "c1"}
        transaction.add(CycleRequestRow(requested_at=NOW - timedelta(hours=1), **asked_for))
    flag(engine(), text[:36], "spoof", text, text)
    ledger.request_cycle(engine(), "manual", text)
    audit.append(engine(), audit.Event.ROLLBACK, text, {"reason": text})


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[object]:
    """Runs the command as a shell would, on a terminal of 200 columns."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["antiphon", *arguments])
        try:
            main()
            status: object = 0
        except SystemExit as end:
            status = end.code or 0
        captured = capfd.readouterr()
        assert status in WORKS, captured.err
        shown = captured.out + captured.err
        assert "Traceback" not in shown
        for letter in "\x1b\x9b\x07\x08\u202e\u2066\u2028\x85":
            assert letter not in shown
        return shown

    yield command


COMMANDS = [
    ("review", "list"), ("cycles",), ("cycles", "--json"), ("audit", "log"),
    ("audit", "log", "--json"), ("audit", "verify"), ("shadow",), ("shadow", "--json"), ("sets",),
    ("sets", "--json"), ("review", "reject", "1", "--reviewer", "ann"),
]  # fmt: skip


@pytest.mark.usefixtures("_written")
def test_what_a_client_wrote_breaks_no_command(text: str, run: object) -> None:
    assert callable(run)
    for command in COMMANDS:
        run(*command)
    if text.startswith("[/b]"):
        assert "[/b] odd" in run("cycles")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_file_or_an_argument_says_breaks_no_command(
    text: str, run: object, state: Path
) -> None:
    assert callable(run)
    row = text.replace("\x00", "").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    attack = "".join(letter for letter in row if letter.isprintable() or letter in "\x1b\x9b\u202e")
    scores = state / "scores.csv"
    lines = ["utterance_id,cm_score,label,attack_id"]
    lines += [f"u{n},{n % 7},bonafide," for n in range(20)]
    lines += [f'v{n},{-(n % 7)},spoof,"{attack.replace(chr(34), "")}"' for n in range(20)]
    scores.write_text("\n".join(lines))
    file = text.replace("\x00", "").replace("/", "")
    for command in (
        ("metrics", "--scores", str(scores)),
        ("compare", "--champion", str(scores), "--candidate", str(scores)),
        ("score", file, "--weights", file),
        ("metrics", "--scores", file),
        ("review", "list", "--state", file),
        ("review", "accept", "1", "--reviewer", "ann", "--label", file),
        ("evaluate", "--protocol", file, "--root", file),
        ("evidence", "verify", file),
        ("check-data", "--protocol", "antiphon", "--root", file),
    ):
        run(*command)
