"""Clones of the dataset registry: their configuration, and the locks that killed tools left."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from infra.errors import SettingsError
from infra.machine.commands import CommandError, git

log = logging.getLogger("antiphon.datasets")

STALE_S = 10.0  # git holds a lock file of these small repositories for milliseconds


# what a registry begins with
_FIRST_FILES = {
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "",
    "data/README.md": "Corpora, one folder each.\n",
}
_DATA_IGNORED = "/*\n!/*.dvc\n!/.gitignore\n!/README.md\n"  # audio is never committed


def begin_repository(folder: Path, branch: str) -> None:
    """Make a repository without a commit, with the files of the first one."""
    for name, text in _FIRST_FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    git(folder, "init", "--quiet", "--initial-branch", branch)


def commit_pointers(repository: Path, message: str) -> bool:
    """Commit the pointers to corpora and nothing else of data/; False where none changed."""
    (repository / "data" / ".gitignore").write_text(_DATA_IGNORED, "utf-8")
    git(repository, "add", "--all")
    if strays := strays_of(git(repository, "ls-files", "-z")):
        git(repository, "rm", "-r", "--quiet", "--cached", "--", *strays)
    try:
        git(repository, "diff", "--cached", "--quiet")
    except CommandError:  # exit status 1: something changed
        git(repository, "commit", "--quiet", "--message", message)
        return True
    return False


def clone_repository(repository: Path, into: Path, *options: str) -> None:
    """Clone a repository into a new folder, with git's options."""
    into.parent.mkdir(parents=True, exist_ok=True)
    git(into.parent, "clone", "--quiet", *options, str(repository), str(into))


def strays_of(listing: str) -> list[str]:
    """What is in data/, of a list of files divided by NUL, and is no pointer to a corpus."""
    pointer = re.compile(r"data/([^/]+\.dvc|\.gitignore|README\.md)")
    files = [name for name in listing.split("\0") if name.startswith("data/")]
    return sorted({"/".join(f.split("/")[:2]) for f in files if not pointer.fullmatch(f)})


def configure(repository: Path, cache: Path, remote: str, endpoint_url: str | None) -> None:
    """Write cache, links and remote to a file that git ignores.

    Paths are relative, so that the state folder can be moved and be called anything.
    """
    folder = repository.resolve() / ".dvc"
    store = {
        "url": remote if "://" in remote else os.path.relpath(Path(remote).resolve(), folder),
        "endpointurl": endpoint_url,
        "verify": "true",
    }
    sections = {
        "core": {
            "analytics": "false",
            "check_update": "false",
            "no_scm": "true",  # dvc leaves git, and so a person's configuration of it, alone
            "site_cache_dir": ".dvc/tmp/site",  # relative to where dvc runs, the repository
        },
        "cache": {
            "dir": os.path.relpath(cache.resolve(), folder),
            "type": "reflink,hardlink,symlink,copy",
        },
        "'remote \"store\"'": {name: value for name, value in store.items() if value},
    }
    (folder / "config.local").write_text(_ini(sections), "utf-8")


def delete_stale_locks(repository: Path) -> None:
    """Delete lock files that a killed git left."""
    folder = repository / ".git" if (repository / ".git").is_dir() else repository
    for lock in (*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock")):
        if time.time() - lock.stat().st_mtime > STALE_S:
            log.warning("%s is older than %g s and is deleted", lock, STALE_S)
            lock.unlink(missing_ok=True)


def delete_unreadable_lock(repository: Path) -> None:
    """Delete a lock file of dvc that is no JSON: its process was killed while it wrote it."""
    lock = repository / ".dvc" / "tmp" / "rwlock"
    try:
        json.loads(lock.read_text("utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        lock.unlink()


def _ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    lines: list[str] = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines.extend(f"    {name} = {_quoted(value)}" for name, value in options.items())
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """A value as ConfigObj, which reads dvc's configuration, takes it literally."""
    if '"' in value and "'" in value:
        raise SettingsError(f"a path with one kind of quotation mark expected, found {value}")
    mark = "'" if '"' in value else '"'
    return f"{mark}{value}{mark}"
