"""Fetched versions on local disk, shared by the workers of one machine.

CACHE/
  last-champion.json    the version that loaded last, for a start without the registry
  version-7-1f3a…/      a detector folder, complete: written beside, then renamed
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from models.errors import InputError
from models.files.manifest import verify

LAST = "last-champion.json"
KEPT = 6  # folders: champion, challenger, those before them, what another worker may be loading


class ChampionCache:
    """Detector folders of the versions fetched last."""

    def __init__(self, folder: Path, registry: str) -> None:
        self._folder = folder
        self._registry = _short_hash(registry)

    def place(self, version: int, source: str, fetch: Callable[[Path], Path]) -> Path:
        """The folder of a version, fetched unless it is already here and whole.

        The source tells apart equal numbers of two registries, or of one that was made anew.
        """
        target = self._folder / f"version-{version}-{_short_hash(source)}"
        if not _whole(target):
            shutil.rmtree(target, ignore_errors=True)
            self._bring(target, fetch)
        target.touch()
        return target

    def remember(self, version: int, folder: Path) -> None:
        """Note which version loaded last, and drop folders nobody asks for any more."""
        part = self._folder / f".{LAST}.{uuid.uuid4().hex}"
        note = {"version": version, "folder": folder.name, "registry": self._registry}
        part.write_text(json.dumps(note) + "\n", encoding="utf-8")
        part.replace(self._folder / LAST)
        self._prune()

    def last(self) -> tuple[int, Path] | None:
        """The version of this registry that loaded last and its folder, where still here."""
        try:
            note = json.loads((self._folder / LAST).read_text(encoding="utf-8"))
            version, folder = int(note["version"]), self._folder / str(note["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        known = note.get("registry") == self._registry and folder.is_dir()
        return (version, folder) if known else None

    def _bring(self, target: Path, fetch: Callable[[Path], Path]) -> None:
        workshop = self._folder / f".fetching-{os.getpid()}-{uuid.uuid4().hex}"
        workshop.mkdir(parents=True)
        try:
            fetched = fetch(workshop)
            verify(fetched)
            _rename_unless_there(fetched, target)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)

    def _prune(self) -> None:
        folders = [path for path in self._folder.glob("version-*") if path.is_dir()]
        by_age = sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
        for folder in by_age[KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _whole(folder: Path) -> bool:
    try:
        verify(folder)
    except InputError:
        return False
    return True


def _rename_unless_there(fetched: Path, target: Path) -> None:
    try:
        fetched.rename(target)
    except OSError:
        if not _whole(target):  # else another worker was faster, and its folder is as good
            raise
