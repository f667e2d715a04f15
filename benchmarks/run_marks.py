"""Claim: joblib.Memory repeats finished runs after edits that change no result.

    python -m benchmarks.run_marks

Two runs of a cached function, then the same calls in new processes: unchanged, with a comment added
to the function, and with its module under another name. Printed is how many runs were repeated.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

RUN = """
def run(params, clips):
    with open("runs", "a") as log:
        log.write("x")
    return [float(params)] * 2_000
"""
COMMENTED = RUN.replace("    with", "    # of one fold\n    with")
CALL = """
import sys
from importlib import import_module
from joblib import Memory
run = Memory("cache", verbose=0).cache(import_module(sys.argv[1]).run, ignore=["clips"])
for params in (1, 2):
    run(params, None)
"""


def main() -> None:
    """Print a line for each edit."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for edit, module, text in (
            ("first runs", "folds", RUN),
            ("unchanged", "folds", RUN),
            ("a comment", "folds", COMMENTED),
            ("another module", "moved", COMMENTED),
        ):
            (folder / f"{module}.py").write_text(text, encoding="utf-8")
            before = _runs(folder)
            subprocess.run([sys.executable, "-c", CALL, module], cwd=folder, check=True)
            sys.stdout.write(f"{edit}: {_runs(folder) - before} of 2 runs\n")


def _runs(folder: Path) -> int:
    log = folder / "runs"
    return len(log.read_text(encoding="utf-8")) if log.exists() else 0


if __name__ == "__main__":
    main()
