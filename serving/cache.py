"""Cache of fetched versions on local disk, shared by the workers of one machine.

CACHE/
  last-champion.json    the version that loaded last, for a start without the registry
  version-7-1f3a…/      a complete detector folder: written under another name, then renamed
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from models.errors import InputError
from models.files.manifest import verify
from models.files.whole_files import scratch_beside, written_beside

LAST = "last-champion.json"
CAPACITY = (
    6  # folders: champion, challenger, their predecessors, and those another worker may be loading
)


class ChampionCache:
    """Detector folders of the versions fetched last."""

    def __init__(self, folder: Path, registry: str) -> None:
        self._folder = folder
        self._registry = _short_hash(registry)

    def place(self, version: int, source: str, fetch: Callable[[Path], Path]) -> Path:
        """The folder of a version; fetched unless it is already here and complete.

        The source distinguishes equal numbers of two registries, or of a recreated one.
        """
        target = self._folder / f"version-{version}-{_short_hash(source)}"
        if not _is_complete(target):
            shutil.rmtree(target, ignore_errors=True)
            self._fetch(target, fetch)
        target.touch()
        return target

    def remember(self, version: int, folder: Path) -> None:
        """Record the version that loaded last, and delete old folders."""
        note = {"version": version, "folder": folder.name, "registry": self._registry}
        with written_beside(self._folder / LAST, shared=True) as scratch:
            scratch.write_text(json.dumps(note) + "\n", encoding="utf-8")
        self._prune()

    def last(self) -> tuple[int, Path] | None:
        """The version of this registry that loaded last, and its folder if it still exists."""
        try:
            note = json.loads((self._folder / LAST).read_text(encoding="utf-8"))
            version, folder = int(note["version"]), self._folder / str(note["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_usable = note.get("registry") == self._registry and folder.is_dir()
        return (version, folder) if is_usable else None

    def _fetch(self, target: Path, fetch: Callable[[Path], Path]) -> None:
        with scratch_beside(target, shared=True) as scratch:
            scratch.mkdir(parents=True)
            fetched = fetch(scratch)
            verify(fetched)
            _rename_unless_there(fetched, target)

    def _prune(self) -> None:
        folders = [path for path in self._folder.glob("version-*") if path.is_dir()]
        by_age = sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
        for folder in by_age[CAPACITY:]:
            shutil.rmtree(folder, ignore_errors=True)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _is_complete(folder: Path) -> bool:
    try:
        verify(folder)
    except InputError:
        return False
    return True


def _rename_unless_there(fetched: Path, target: Path) -> None:
    try:
        fetched.rename(target)
    except OSError:
        if not _is_complete(target):  # else another worker has fetched the same version first
            raise
