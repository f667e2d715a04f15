"""Files of Debian packages, fetched and unpacked into a cache folder; nothing is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.errors import UnreachableError
from models.errors import InputError
from models.files.whole_files import written_beside

TIMEOUT_S = 900  # of one apt or dpkg command
PATIENCE = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=30")
INSTALLS = re.compile(r"^Inst (lib\S+)", re.MULTILINE)  # in what `apt-get -s install` says
UNKNOWN = ("Unable to locate package", "has no installation candidate", "No packages found")


class UnknownPackageError(InputError):
    """Apt answers, and knows no such package."""


def fetch_packages(
    packages: Sequence[str], cache: Path, advance: Callable[[str], None] = lambda _: None
) -> dict[str, Path]:
    """The unpacked folder of each package, downloading those that the cache lacks.

    Each package arrives whole or not at all, and apt keeps what it had downloaded before an
    interruption, so that the next run goes on from there. Needs apt-get and dpkg, but no rights
    and no lock of the system's package manager. Raises InputError without these tools or where apt
    knows no such package, UnreachableError where the package servers cannot be reached.
    """
    from filelock import FileLock

    folders = {package: cache / "packages" / package for package in packages}
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "packages.lock"):
        missing = [package for package, folder in folders.items() if not folder.is_dir()]
        if missing:
            _require_tools()
            archives = _download(missing, cache)
        for package in missing:
            unpack(archives[package], folders[package])
            advance(package)
    return folders


def fetch_program(name: str, packages: Sequence[str], cache: Path) -> Path:
    """A folder with all of a program's packages, and the libraries that this system lacks, in one.

    Raises as fetch_packages does.
    """
    from filelock import FileLock

    folder = cache / "programs" / name
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "packages.lock"):
        if not folder.is_dir():
            _require_tools()
            wanted = [*packages, *_missing_libraries(packages)]
            archives = _download(list(dict.fromkeys(wanted)), cache)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(folder) as scratch:
                for archive in archives.values():
                    _extract(archive, scratch)
            for archive in archives.values():
                archive.unlink()
    return folder


def _missing_libraries(packages: Sequence[str]) -> list[str]:
    done = _run("apt-get", "-s", "--no-install-recommends", "install", *packages)
    return INSTALLS.findall(done.stdout)


def _require_tools() -> None:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing:
        raise InputError(
            f"the demo corpus is made of Debian packages and needs {' and '.join(missing)}, not "
            "found on this system: give --bonafide DIR and --spoof DIR with recordings of your own"
        )


def unpack(archive: Path, folder: Path) -> None:
    """Make a folder of a .deb and remove the .deb; raises InputError where it is none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with written_beside(folder) as scratch:
        _extract(archive, scratch)
    archive.unlink()


def _extract(archive: Path, folder: Path) -> None:
    done = _run("dpkg", "-x", str(archive), str(folder))
    if done.returncode != 0:
        raise InputError(f"{archive}: dpkg cannot unpack it ({_reason(done)})")


def _download(packages: Sequence[str], cache: Path) -> dict[str, Path]:
    """The archive of each package, by the system's package lists, else by fresh ones of our own."""
    archives = cache / "archives"
    archives.mkdir(exist_ok=True)
    done = _run("apt-get", *PATIENCE, "download", *packages, folder=archives)
    if done.returncode != 0:
        own = _own_lists(cache)
        _run("apt-get", *PATIENCE, *own, "update")  # what it could not get shows in the download
        done = _run("apt-get", *PATIENCE, *own, "download", *packages, folder=archives)
    if done.returncode != 0:
        raise _refusal(done, cache)
    return {package: max(archives.glob(f"{package}_*.deb")) for package in packages}


def _refusal(done: subprocess.CompletedProcess[str], cache: Path) -> Exception:
    if any(sign in done.stderr for sign in UNKNOWN) and _knows_packages(cache):
        return UnknownPackageError(
            f"apt does not know the packages of the demo corpus ({_reason(done)}): they are in "
            "Debian main and Ubuntu universe, add one of them to the package sources or give "
            "--bonafide DIR and --spoof DIR with recordings of your own"
        )
    return UnreachableError(
        f"the packages of the demo corpus could not be downloaded ({_reason(done)}): check the "
        "network and run the same command again"
    )


def _own_lists(cache: Path) -> tuple[str, ...]:
    """Options by which apt keeps its lists below the cache, where no root is needed."""
    for name in ("lists", "archives"):
        (cache / "apt" / name / "partial").mkdir(parents=True, exist_ok=True)
    places = {"Dir::State::Lists": "lists", "Dir::Cache": "", "Dir::Cache::archives": "archives"}
    options = [f"{option}={cache / 'apt' / name}" for option, name in places.items()]
    return tuple(word for option in options for word in ("-o", option))


def _knows_packages(cache: Path) -> bool:
    return any((cache / "apt" / "lists").glob("*_Packages*"))


def _run(*command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, text=True, capture_output=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{command[0]}: no answer within {TIMEOUT_S} s") from error


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
    return lines[0] if lines else f"exit status {done.returncode}"
