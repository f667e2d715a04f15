"""The endpoint's command carries its settings to a process in another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import settings
from serving.assembly import threads_per_worker
from serving.launch import ROOT, endpoint_command


def test_the_command_and_its_environment_say_where_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTIPHON_ENDPOINT_PORT", "3456")
    monkeypatch.setenv("ANTIPHON_ENDPOINT_WORKERS", "2")
    monkeypatch.setenv("ANTIPHON_API_TOKEN", "a secret")
    command, environment = endpoint_command(settings())
    assert command[1:] == [
        *("-P", "-m", "bentoml", "serve", "serving.service:Antiphon"),
        *("--host", "127.0.0.1", "--port", "3456"),
        *("--working-dir", str(Path(__file__).parents[2])),
    ]
    assert "a secret" not in " ".join(command), "every user of a machine sees its command lines"
    assert environment["ANTIPHON_API_TOKEN"] == "a secret"
    assert environment["ANTIPHON_STATE_DIR"] == str(tmp_path / ".antiphon")
    assert environment["BENTOML_CONFIG_OPTIONS"] == "services.antiphon.workers=2"
    assert environment["BENTOML_DO_NOT_TRACK"] == "true"


def test_a_wrong_setting_is_said_in_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "ANTIPHON_ENDPOINT_PORT": "door", "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-m", "serving.launch"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "ANTIPHON_ENDPOINT_PORT" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_workers_share_the_cores_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setenv("ANTIPHON_ENDPOINT_WORKERS", "3")
    assert threads_per_worker(settings()) == 2
    monkeypatch.setenv("ANTIPHON_ENDPOINT_WORKERS", "99")
    assert threads_per_worker(settings()) == 1
    monkeypatch.setenv("ANTIPHON_ENDPOINT_THREADS", "5")
    assert threads_per_worker(settings()) == 5
