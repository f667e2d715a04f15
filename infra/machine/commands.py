"""Runs git and dvc, without the configuration of the person who starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.machine.disk import require_space

SPARE_BYTES = 32 * 1024 * 1024  # for dvc's own databases
_HERE = Path(__file__).parent
_OWN = {
    # commits need an author even if git is not configured
    "GIT_AUTHOR_NAME": "antiphon",
    "GIT_AUTHOR_EMAIL": "antiphon@localhost",
    "GIT_COMMITTER_NAME": "antiphon",
    "GIT_COMMITTER_EMAIL": "antiphon@localhost",
    "GIT_CONFIG_GLOBAL": str(_HERE / "gitconfig"),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "DVC_GLOBAL_CONFIG_DIR": str(_HERE / "no-such-folder"),
    "DVC_SYSTEM_CONFIG_DIR": str(_HERE / "no-such-folder"),
    "DVC_NO_ANALYTICS": "1",
    "DO_NOT_TRACK": "1",
    "SHELL": "/bin/sh",  # dvc runs the commands of stages with it
}
_COMPLAINTS = ("ERROR: ", "fatal: ", "error: ")  # how dvc and git begin the line of an error


class CommandError(RuntimeError):
    """git or dvc failed; the message has the line in which it says why."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in the repository `folder` and return its output; raises CommandError."""
    # without the ceiling, git would use a repository further up where the folder is none
    return _run(folder, ["git", *arguments], {"GIT_CEILING_DIRECTORIES": str(folder.parent)})


def dvc(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run dvc in a folder and return its output; raises CommandError.

    Raises OSError where the disk has no space to spare: dvc would wait for some without end.
    """
    require_space(folder, SPARE_BYTES)
    return _run(folder, [sys.executable, "-P", "-m", "dvc", *arguments], environment)


def command_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with an author, this interpreter first, and no telemetry.

    What a person configured for git and dvc is left out.
    """
    foreign = ("GIT_", "DVC_", "PYTHONSAFEPATH")  # a stage imports what lies in its working folder
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**inherited, **_OWN, "PATH": path, **(extra or {})}


def _run(folder: Path, command: list[str], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=command_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        program = "git" if command[0] == "git" else "dvc"
        action = command[command.index(program) + 1]
        reason = _complaint(done.stderr or done.stdout) or f"exit status {done.returncode}"
        raise CommandError(f"{program} {action} in {folder}: {reason}")
    return done.stdout.strip()


def _complaint(output: str) -> str:
    """The last line that begins as an error does, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith(_COMPLAINTS)]
    line = (complaints or lines or [""])[-1]
    return line.split(": ", 1)[1] if complaints else line
