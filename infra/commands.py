"""Runs git and dvc."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# commits need an author even if git is not configured
_IDENTITY = {
    "GIT_AUTHOR_NAME": "antiphon",
    "GIT_AUTHOR_EMAIL": "antiphon@localhost",
    "GIT_COMMITTER_NAME": "antiphon",
    "GIT_COMMITTER_EMAIL": "antiphon@localhost",
}


class CommandError(RuntimeError):
    """git or dvc failed; the message has the last line of its output."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return its output; raises CommandError."""
    return _run(folder, ["git", *arguments])


def dvc(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run dvc in a folder and return its output; raises CommandError."""
    return _run(folder, [sys.executable, "-P", "-m", "dvc", *arguments], environment)


def command_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with an author, this interpreter first, and no telemetry."""
    foreign = ("GIT_", "PYTHONSAFEPATH")  # a stage imports what lies in its working folder
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    silent = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
    return {**inherited, **_IDENTITY, **silent, "PATH": path, **(extra or {})}


def _run(folder: Path, command: list[str], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=command_environment(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        shown = " ".join([word for word in command if word != "-P"][:4])
        raise CommandError(f"{shown} in {folder}: {lines[-1] if lines else done.returncode}")
    return done.stdout.strip()
