"""Every command on a machine where nothing is yet, and on machines whose paths are wrong.

Whatever a machine lacks, the answer is an exit status of docs/commands.md and one sentence.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import typer

from flows.cli import app, main

pytestmark = pytest.mark.slow

DONE, NO, BAD_INPUT, UNREACHABLE = range(4)
CORPUS = ["--protocol", "antiphon", "--root", "corpus"]
# what each command is called with; {out} is a place that it may write to
ARGUMENTS = {
    "up": [],
    "console": [],
    "demo": ["--bonafide", "absent", "--spoof", "absent"],
    "score": ["call.wav"],
    "stream": ["call.wav"],
    "evaluate": CORPUS,
    "explain": ["call.wav"],
    "import-weights": ["--detector", "aasist", "--weights", "absent.pth", "--out", "{out}"],
    "metrics": ["--scores", "absent.txt"],
    "compare": ["--champion", "absent.txt", "--candidate", "absent.txt"],
    "simulate-gate": ["--pairs", "1", "--resamples", "200"],
    "calibrate-drift": [*CORPUS, "--weights", "detector"],
    "compress": ["detector", "--to", "int8", "--out", "{out}", *CORPUS],
    "check-data": CORPUS,
    "label-noise": CORPUS,
    "cross-validate": CORPUS,
    "adaptation-curve": CORPUS,
    "compare-folds": ["absent"],
    "search": CORPUS,
    "bakeoff": [*CORPUS, "--detectors", "lcnn", "--budget", "1"],
    "tune": CORPUS,
    "retrain": [],
    "adapt": [],
    "monitor": [],
    "cycles": [],
    "requests": [],
    "alerts list": [],
    "alerts check": [],
    "alerts test": [],
    "alerts retry": [],
    "webhooks list": [],
    "webhooks retry": [],
    "sets": [],
    "register": ["--weights", "detector", *CORPUS],
    "champion": [],
    "rollback": [],
    "approve": [],
    "pause": ["a new codec"],
    "resume": [],
    "shadow": [],
    "params show": [],
    "params schema": [],
    "evidence verify": ["absent"],
    "evidence fetch": ["3f2a"],
    "audit verify": [],
    "audit log": [],
    "review queue": ["--reviewer", "berta"],
    "review next": ["--reviewer", "berta"],
    "review judge": ["7", "--reviewer", "berta", "--label", "spoof"],
    "review undo": ["--reviewer", "berta"],
    "review cluster": ["1-3f2a", "--reviewer", "berta", "--label", "spoof"],
    "review history": ["7"],
    "token create": ["berta", "--scope", "review"],
    "token list": [],
    "token revoke": ["berta"],
    "review list": [],
    "review listen": ["7", "--out", "{out}"],
    "review accept": ["7", "--reviewer", "berta"],
    "review reject": ["7", "--reviewer", "berta"],
    "review erase": ["7"],
    "review reviewers": [],
    "review add-reviewer": ["berta"],
    "review remove-reviewer": ["berta"],
    "review gold": ["7"],
    "review retire": ["7"],
    "review held": [],
    "review clear": ["7"],
    "review audit": [],
    "review export": ["{out}.json"],
    "review import": ["absent.json"],
    "corpus fetch": ["demo", "--bonafide", "absent", "--spoof", "absent"],
    "fronts list": [],
    "fronts fetch": ["campplus", "--from", "absent"],
    "dataset add": ["calls", "corpus"],
    "dataset list": [],
    "dataset checkout": ["HEAD", "--into", "{out}"],
    "dataset push": [],
}
# these start a server where the state folder can be used
USES_PREFECT = {"retrain", "adapt", "monitor"}


def commands() -> Iterator[str]:
    """The full name of each command of the application."""
    groups: list[tuple[str, click.Command]] = [("", typer.main.get_command(app))]
    while groups:
        name, command = groups.pop()
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name
        else:
            groups += [(f"{name} {part}".strip(), child) for part, child in inner.items()]


def test_every_command_is_in_the_list_of_this_test() -> None:
    assert sorted(commands()) == sorted(ARGUMENTS)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_environment: None) -> Path:  # noqa: ARG001
    """An empty home and an empty folder to run in."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    for name in ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def corpus_in(folder: Path) -> None:
    """A corpus of two files that are there and hold no audio."""
    folder.mkdir()
    (folder / "protocol.csv").write_text(
        "utterance_id,path,label,attack_id,partition\n"
        "a,a.wav,bonafide,,train\nb,b.wav,spoof,tts,train\n"
    )
    (folder / "a.wav").write_bytes(b"")
    (folder / "b.wav").write_bytes(b"")


def check(
    name: str, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> int:
    """Run a command; its status, where it ended as a command should."""
    arguments = [part.format(out=out) for part in ARGUMENTS[name]]
    monkeypatch.setattr(sys, "argv", ["antiphon", *name.split(), *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    complaint = capsys.readouterr().err
    status = end.value.code or DONE
    assert status in (DONE, NO, BAD_INPUT, UNREACHABLE), (name, status)
    assert "Traceback" not in complaint, complaint
    if status in (BAD_INPUT, UNREACHABLE):
        assert complaint.splitlines()[-1].startswith("antiphon: "), (name, complaint)
    return int(status)


def test_every_command_answers_on_an_empty_machine(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus_in(machine / "here" / "corpus")
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        for server in ("MLFLOW", "CONSOLE"):
            monkeypatch.setenv(f"ANTIPHON_{server}_PORT", str(occupied.getsockname()[1]))
        statuses = {
            name: check(name, machine / "out" / "x", monkeypatch, capsys)
            for name in ARGUMENTS
            if name not in USES_PREFECT
        }
    nothing_yet = {"cycles", "sets", "review list", "audit log", "dataset list", "shadow"}
    nothing_yet |= {f"review {name}" for name in ("queue", "next", "reviewers", "held", "audit")}
    nothing_yet |= {"requests", "alerts list", "alerts check", "alerts retry"}
    nothing_yet |= {"webhooks list", "webhooks retry"}
    done = {*nothing_yet, "audit verify", "params show", "params schema", "simulate-gate"}
    done |= {"fronts list"}  # with what is not here
    done |= {"review add-reviewer", "review remove-reviewer", "review export"}
    done |= {"pause", "resume", "token create", "token list", "token revoke"}
    done |= {"dataset add", "dataset checkout", "dataset push"}
    assert {name for name, status in statuses.items() if status == DONE} == done
    no = {name for name, status in statuses.items() if status == NO}
    assert no == {"champion", "check-data"}, "no champion, and audio that cannot be read"
    assert {name for name, status in statuses.items() if status == UNREACHABLE} == set()


def test_a_cycle_as_the_first_command_ever_ends_with_a_sentence(machine: Path) -> None:
    program = Path(sys.executable).with_name("antiphon")
    done = subprocess.run(
        [program, "retrain"], cwd=machine / "here", capture_output=True, text=True, timeout=400
    )
    assert done.returncode == BAD_INPUT, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("antiphon: ")


@contextlib.contextmanager
def no_byte_can_be_written() -> Iterator[None]:
    """Files can be made, but not filled: as on a full disk, and for every user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "place,disk",
    [
        ("file", contextlib.nullcontext),
        ("file/state", contextlib.nullcontext),
        ("/proc/antiphon/state", contextlib.nullcontext),
        ("state", no_byte_can_be_written),
    ],
    ids=["a file is in its place", "a file is above it", "it cannot be made", "the disk is full"],
)
def test_every_command_answers_where_the_state_folder_is_wrong(
    machine: Path,
    place: str,
    disk: Callable[[], contextlib.AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = machine / place  # an absolute place stays as it is
    (machine / "file").write_text("")
    corpus_in(machine / "here" / "corpus")
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(state))
    statuses = {}
    for name in ARGUMENTS:
        if name not in ("simulate-gate", "params schema"):  # they read and write no file
            with disk():
                statuses[name] = check(name, state / "out", monkeypatch, capsys)
    answered = {name for name, status in statuses.items() if status in (DONE, NO)}
    assert answered <= {"params show", "check-data", "fronts list"}, (
        "these do not use the state folder"
    )
