"""Programs of unpacked packages: run from a folder of their own, with the libraries beside them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

TIMEOUT_S = 120


class SynthesisError(RuntimeError):
    """A program that speaks ended with an error or without sound."""


def run_program(home: Path, program: str, options: Sequence[str], folder: Path) -> None:
    """Run `home`/usr/bin/`program` in a folder; raises SynthesisError where it fails."""
    environment = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": _libraries(home)}
    try:
        done = subprocess.run(
            [str(home / "usr/bin" / program), *options],
            cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SynthesisError(f"{program}: cannot be run ({error})") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SynthesisError(f"{program}: {lines[-1] if lines else done.returncode}")


@cache
def _libraries(home: Path) -> str:
    folders = {path.parent for path in home.rglob("*.so*")}
    inherited = os.environ.get("LD_LIBRARY_PATH")
    return os.pathsep.join([*map(str, sorted(folders)), *([inherited] if inherited else [])])
