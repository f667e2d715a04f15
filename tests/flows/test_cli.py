"""The command line as scripts see it: exit statuses, one sentence of complaint, clean output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from flows.cli import main
from models.evaluation.scores import Scores, write_scores

ANTIPHON = Path(sys.executable).with_name("antiphon")
DONE, THE_ANSWER_IS_NO, BAD_INPUT, UNREACHABLE = range(4)


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    status: int | str | None
    out: str
    complaint: str


@dataclass(frozen=True)
class Shell:
    """A folder to call `antiphon` from, with a state of its own."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def antiphon(self, *arguments: str | Path, **environment: str) -> Answer:
        """Run a command in this process: its imports are paid for once."""
        with self.monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["antiphon", *map(str, arguments)])
            self.capsys.readouterr()
            with pytest.raises(SystemExit) as end:
                main()
        captured = self.capsys.readouterr()
        return Answer(end.value.code, captured.out, captured.err)

    def process(self, *arguments: str, **environment: str) -> Answer:
        """Run the installed command."""
        done = subprocess.run(
            [ANTIPHON, *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A shell in an empty folder."""
    return Shell(state.parent, capsys, monkeypatch)


def refused(answer: Answer, *words: str) -> None:
    """Bad input: one sentence on stderr, and nothing that looks like a result."""
    assert (answer.status, answer.out) == (BAD_INPUT, ""), answer.complaint
    (sentence,) = answer.complaint.splitlines()
    assert sentence.startswith("antiphon: ")
    for word in words:
        assert word in sentence


def score_file(path: Path, distance: float) -> Path:
    """200 bona fide scores, and as many spoofs `distance` below them."""
    rng = np.random.default_rng(7)
    names = [f"u{i}" for i in range(400)]
    attacks = [None] * 200 + ["tts"] * 200
    cm_scores = np.concatenate([rng.normal(distance, 1, 200), rng.normal(0, 1, 200)])
    speakers = [f"s{i % 40}" for i in range(400)]
    write_scores(path, Scores(tuple(names), tuple(attacks), cm_scores, tuple(speakers)))
    return path


def test_help_lists_every_command_and_is_done(shell: Shell) -> None:
    answer = shell.process("--help")
    assert answer.status == DONE
    for command in ("up", "demo", "score", "evaluate", "compare", "retrain", "rollback"):
        assert f" {command} " in answer.out


def test_an_unknown_option_is_bad_input(shell: Shell) -> None:
    answer = shell.antiphon("metrics", "--score", "x")
    assert answer.status == BAD_INPUT
    assert "Traceback" not in answer.complaint


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["metrics", "--scores", "absent.txt"], ["absent.txt"]),
        (["score", "a.wav", "--weights", "."], ["not a detector folder", "manifest.json"]),
        (["score", "a.wav", "--weights", ".", "--model-version", "1"], ["found both"]),
        (["evaluate", "--protocol", "nope", "--root", "."], ["nope", "known: antiphon"]),
        (["evaluate", "--protocol", "antiphon", "--root", "."], ["protocol.csv"]),
        (["evaluate", "--protocol", "x", "--root", ".", "--partition", "test"], ["'test'"]),
        (
            ["import-weights", "--detector", "aasist", "--weights", "no.pth", "--out", "o"],
            ["no.pth"],
        ),
        (["dataset", "add", "field", "."], ["reviewed field samples"]),
        (["corpus", "fetch", "demo", "--bonafide", "."], ["--bonafide and --spoof"]),
        (["review", "reject", "7", "--reviewer", "berta"], ["no field sample with the id 7"]),
        (["review", "accept", "7", "--reviewer", "berta"], ["--label bonafide, spoof, unusable"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_said_in_one_sentence(
    shell: Shell, arguments: list[str], words: list[str]
) -> None:
    refused(shell.antiphon(*arguments), *words)


def test_an_unknown_setting_is_refused_by_name(shell: Shell) -> None:
    answer = shell.process("cycles", ANTIPHON_STAT_DIR="elsewhere")
    refused(answer, "no setting named ANTIPHON_STAT_DIR", "ANTIPHON_STATE_DIR")


def test_a_wrong_value_of_a_setting_is_refused_by_name(shell: Shell) -> None:
    refused(shell.antiphon("cycles", ANTIPHON_ENDPOINT_PORT="door"), "ANTIPHON_ENDPOINT_PORT")


def test_a_wrong_parameter_is_refused_by_name(shell: Shell) -> None:
    (shell.folder / "params.yaml").write_text("promotion:\n  confidense: 0.9\n")
    scores = score_file(shell.folder / "a.csv", 3.0)
    answer = shell.antiphon("compare", "--champion", scores, "--candidate", scores)
    refused(answer, "params.yaml", "no parameter named 'confidense'", "confidence")


def test_no_cycle_yet_is_an_empty_answer(shell: Shell) -> None:
    assert shell.antiphon("cycles", "--json") == Answer(DONE, "", "")


def test_the_gate_answers_with_its_exit_status(shell: Shell) -> None:
    worse = score_file(shell.folder / "worse.csv", 1.0)
    better = score_file(shell.folder / "better.csv", 4.0)
    yes = shell.antiphon("compare", "--champion", worse, "--candidate", better, "--json")
    no = shell.antiphon("compare", "--champion", better, "--candidate", worse, "--json")
    assert (yes.status, no.status) == (DONE, THE_ANSWER_IS_NO)
    assert json.loads(yes.out)["verdict"] == "promote"
    assert json.loads(no.out)["verdict"] == "reject"
    assert "does not fall beyond chance" in json.loads(no.out)["reason"]


def test_letters_that_the_terminal_has_not_are_escaped(shell: Shell) -> None:
    row = "v{0},-{0},spoof,合成\n"
    scores = shell.folder / "scores.csv"
    lines = [*(f"u{n},{n},bonafide,\n" for n in range(9)), *(row.format(n) for n in range(9))]
    scores.write_text("utterance_id,cm_score,label,attack_id\n" + "".join(lines))
    answer = shell.process("metrics", "--scores", str(scores), PYTHONIOENCODING="ascii")
    assert (answer.status, answer.complaint) == (DONE, "")
    assert "\\u5408" in answer.out


DATABASE_COMMANDS = [
    ("cycles",), ("sets",), ("review", "list"), ("review", "reject", "1", "--reviewer", "berta"),
    ("review", "erase", "1"), ("audit", "log"), ("audit", "verify"),
]  # fmt: skip


@pytest.mark.parametrize("command", DATABASE_COMMANDS, ids=" ".join)
def test_a_database_that_does_not_answer_is_an_outage(shell: Shell, command: list[str]) -> None:
    (shell.folder / "params.yaml").write_text("{}\n")
    nowhere = "postgresql+psycopg://me:hunter2@127.0.0.1:9/antiphon"
    answer = shell.antiphon(*command, ANTIPHON_DATABASE_URL=nowhere)
    assert (answer.status, answer.out) == (UNREACHABLE, "")
    (sentence,) = answer.complaint.splitlines()
    assert "127.0.0.1:9/antiphon cannot be reached" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize("command", DATABASE_COMMANDS, ids=" ".join)
def test_a_database_that_is_damaged_is_an_outage(shell: Shell, command: list[str]) -> None:
    (shell.folder / "params.yaml").write_text("{}\n")
    damaged = shell.folder / "damaged.db"
    damaged.write_bytes(b"not a database" * 100)
    answer = shell.antiphon(*command, ANTIPHON_DATABASE_URL=f"sqlite:///{damaged}")
    assert (answer.status, answer.out) == (UNREACHABLE, "")
    assert answer.complaint.startswith("antiphon: the database sqlite:///")
    assert len(answer.complaint.splitlines()) == 1


@pytest.mark.slow
def test_a_registry_that_cannot_be_reached_is_never_no_champion(shell: Shell) -> None:
    nowhere = {"ANTIPHON_MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    answer = shell.process("champion", **nowhere)
    assert (answer.status, answer.out) == (UNREACHABLE, "")
    (sentence,) = answer.complaint.splitlines()
    assert sentence.startswith("antiphon: MLflow at http://127.0.0.1:9 cannot be reached")


@pytest.mark.slow
def test_without_a_champion_the_answer_is_no(shell: Shell, mlflow_state: Path) -> None:
    assert mlflow_state.parent == shell.folder
    answer = shell.antiphon("champion")
    assert (answer.status, answer.out) == (THE_ANSWER_IS_NO, "no champion yet\n")
    refused(shell.antiphon("rollback"), "no version to go back to")
    assert {path.name for path in mlflow_state.iterdir()} >= {"mlflow.db", "registry.lock"}
