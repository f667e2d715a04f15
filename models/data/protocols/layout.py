"""The unpacked files of a corpus: all files below a folder, listed in one walk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.audio.suffixes import is_audio
from models.errors import InputError

MAX_DEPTH = 8  # archives nest two or three deep; more is somebody's whole disk


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder and the sorted names of the files right in it."""

    path: Path
    parts: tuple[str, ...]  # its names below the root, as they are spelt
    audio: tuple[str, ...]
    others: tuple[str, ...]

    def lies_in(self, name: str) -> bool:
        """Whether it, or a folder it lies in, has a name that begins so, in any letter case."""
        return any(part.casefold().startswith(name.casefold()) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AudioIndex:
    """Audio files by their name without suffix."""

    expected: Path  # the folder where a file that is missing should have been
    files: dict[str, tuple[Path, str]]  # utterance_id -> folder and name

    def path(self, utterance_id: str) -> Path:
        """Where the utterance is, or where its file was expected."""
        if utterance_id in self.files:
            folder, name = self.files[utterance_id]
            return folder / name
        return self.expected / f"{utterance_id}.flac"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders below a root, the shallow ones first."""

    root: Path
    folders: tuple[Folder, ...]

    def find(self, name: str) -> list[Folder]:
        """The folders that hold a file of this name in any letter case, the shallow ones first."""
        wanted = name.casefold()
        return [f for f in self.folders if any(file.casefold() == wanted for file in f.others)]

    def require(self, corpus: str, names: Sequence[str]) -> list[Path]:
        """The shallowest file of each name; raises InputError naming the missing ones."""
        places = [self.find(name) for name in names]
        absent = [name for name, paths in zip(names, places, strict=True) if not paths]
        if absent:
            verb = "is" if len(absent) == 1 else "are"
            raise InputError(f"{corpus}: {', '.join(absent)} {verb} missing under {self.root}")
        return [spelt(paths[0], name) for name, paths in zip(names, places, strict=True)]

    def audio(self, name: str, inner: str = "") -> AudioIndex:
        """The audio below folders of this name, or below the root where they hold none.

        A missing file was expected beside the others, or where there are none in `inner`.
        """
        inside = [folder for folder in self.folders if folder.lies_in(name)]
        searched = inside if any(folder.audio for folder in inside) else self.folders
        files: dict[str, tuple[Path, str]] = {}
        for folder in searched:
            for file in folder.audio:
                files.setdefault(file.rpartition(".")[0], (folder.path, file))
        home = (inside[0].path if inside else self.root / name) / inner
        return AudioIndex(next((f.path for f in searched if f.audio), home), files)


def spelt(folder: Folder, name: str) -> Path:
    """The folder's file of this name as it is really spelt."""
    wanted = name.casefold()
    return next(folder.path / file for file in folder.others if file.casefold() == wanted)


def read_layout(root: Path, depth: int = MAX_DEPTH) -> Layout:
    """Walk a folder once; raises InputError where it cannot be listed."""
    folders: list[Folder] = []
    level: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    walked = {os.path.realpath(root)}
    for _ in range(depth + 1):
        level = [
            subfolder for path, parts in level for subfolder in _list(path, parts, folders, walked)
        ]
    return Layout(root, tuple(folders))


def _list(
    path: Path, parts: tuple[str, ...], folders: list[Folder], walked: set[str]
) -> list[tuple[Path, tuple[str, ...]]]:
    """Append the folder's files to `folders`; returns the folders in it."""
    below: list[os.DirEntry[str]] = []
    audio: list[str] = []
    others: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    below.append(entry)
                elif entry.is_file():
                    (audio if is_audio(entry.name) else others).append(entry.name)
    except OSError as error:
        raise InputError(f"{path}: cannot be listed ({error.strerror})") from error
    folders.append(Folder(path, parts, tuple(sorted(audio)), tuple(sorted(others))))
    below = [entry for entry in below if not _is_loop(entry, walked)]
    return [(path / e.name, (*parts, e.name)) for e in sorted(below, key=lambda e: e.name)]


def _is_loop(entry: os.DirEntry[str], walked: set[str]) -> bool:
    """Whether a linked folder was walked before; plain folders cannot be."""
    if not entry.is_symlink():
        return False
    real = os.path.realpath(entry.path)
    if real in walked:
        return True
    walked.add(real)
    return False
