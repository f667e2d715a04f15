"""The dataset registry: a git repository with DVC; its commits are dataset versions.

    <state>/datasets/        a git repository without a work tree; in each of its commits
      data/<corpus>.dvc      one for each base corpus
      data/field.dvc         the reviewed field samples: protocol.csv and audio/
    <state>/dvc-cache/       their files, stored once, shared with the workspace of every cycle

A version is made in a clone beside the registry and appears in it whole: a command that is stopped
leaves a clone, which the next one deletes. No git server is needed. `push` copies a version to the
remote (a folder or s3://), from which another machine can pull.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from infra.datasets.cache_objects import absent_objects, drop_damaged
from infra.datasets.corpus_copy import copy_corpus
from infra.datasets.dvc_repository import (
    begin_repository,
    clone_repository,
    commit_pointers,
    configure,
    delete_stale_locks,
    delete_unreadable_lock,
    strays_of,
)
from infra.errors import AbsentError, SettingsError, UnreachableError
from infra.machine.beside import scratch_beside
from infra.machine.commands import CommandError, dvc, git
from infra.settings import Settings

log = logging.getLogger("antiphon.datasets")

BRANCH = "main"
FIELD = "field"  # the corpus of reviewed field samples


@dataclass(frozen=True)
class DatasetRegistry:
    """The git repository, cache and remote of the dataset versions."""

    root: Path
    cache: Path
    remote: str  # a folder or s3://bucket/prefix
    endpoint_url: str | None = None  # for an S3 other than Amazon's
    environment: Mapping[str, str] = field(
        default_factory=dict
    )  # the credentials of the object store

    @classmethod
    def of(cls, settings: Settings) -> DatasetRegistry:
        """The registry of these settings; created if it does not exist."""
        state = settings.state_dir.resolve()
        registry = cls(
            state / "datasets",
            state / "dvc-cache",
            settings.dvc_remote,
            settings.s3_endpoint_url if settings.dvc_remote.startswith("s3://") else None,
            settings.tool_environment(),
        )
        registry.open()
        return registry

    def open(self) -> None:
        """Create the registry if it does not exist, and mend what a stopped command left in it."""
        with self._locked():
            delete_stale_locks(self.root)
            if not self._has_versions():
                self._begin()
            elif strays := strays_of(git(self.root, "ls-tree", "-r", "-z", "--name-only", BRANCH)):
                log.warning("%d files in %s belong to no corpus", len(strays), self.root)
                with self._next_version("Drop what a stopped command left"):
                    pass

    def head(self) -> str:
        """The newest dataset version, a git revision."""
        return git(self.root, "rev-parse", BRANCH)

    def corpora(self) -> tuple[str, ...]:
        """The names of the corpora in the newest version."""
        files = git(self.root, "ls-tree", "-z", "--name-only", BRANCH, "data/").split("\0")
        return tuple(sorted(Path(file).stem for file in files if file.endswith(".dvc")))

    def put_corpus(self, name: str, folder: Path, message: str) -> str:
        """Make `folder` the content of corpus `name` in a new version; returns its revision.

        The same content gives the same version. Raises OSError where the folder cannot be copied.
        """
        if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
            raise SettingsError(f"corpus name: letters, digits, - and _ expected, found {name!r}")
        with self._locked():
            with self._next_version(message) as clone:
                copy_corpus(folder, clone / "data" / name)
                dvc(clone, "add", f"data/{name}")
            return self.head()

    def drop_corpus(self, name: str, message: str) -> str:
        """A new version without corpus `name`; the newest version if it has no such corpus."""
        if name in self.corpora():
            with self._locked(), self._next_version(message) as clone:
                (clone / "data" / f"{name}.dvc").unlink(missing_ok=True)
        return self.head()

    def versions(self) -> list[str]:
        """One line for each version, newest first: revision, time, message."""
        return git(self.root, "log", "--format=%h  %ci  %s", BRANCH).splitlines()

    def checkout(self, revision: str, into: Path) -> None:
        """Clone the registry at a revision into a new folder, with links to its data.

        Damaged files of the cache are fetched again from the remote. Raises AbsentError naming the
        first that is not there, UnreachableError for an outage of the remote.
        """
        clone_repository(self.root, into, "--no-checkout")
        git(into, "checkout", "--quiet", "-B", "cycle", revision)
        self.link(into)

    def link(self, repository: Path) -> None:
        """Put the corpora into a clone, or mend those that are there; see `checkout`."""
        delete_stale_locks(repository)
        delete_unreadable_lock(repository)
        configure(repository, self.cache, self.remote, self.endpoint_url)
        drop_damaged(self.cache)
        pointers = sorted(f"data/{path.name}" for path in (repository / "data").glob("*.dvc"))
        if not pointers:
            return
        try:
            dvc(repository, "checkout", "--force", *pointers)
        except CommandError:  # this machine's cache lacks a file; the remote may have it
            self._pull(repository, pointers)

    @contextmanager
    def data(self, revision: str) -> Iterator[Path]:
        """The corpora of a version, as folders in a folder that ends with the block."""
        with tempfile.TemporaryDirectory(dir=self.root.parent, prefix="dataset-") as beside:
            clone = Path(beside) / "clone"
            self.checkout(revision, clone)
            yield clone / "data"

    def export(self, revision: str, into: Path) -> None:
        """Copy the corpora of a version into a folder, next to its other content."""
        with self.data(self.resolve(revision)) as data:
            for corpus in data.iterdir():
                if corpus.is_dir():
                    shutil.rmtree(into / corpus.name, ignore_errors=True)
                    shutil.copytree(corpus, into / corpus.name)

    def resolve(self, revision: str) -> str:
        """The full revision of a version's name; raises SettingsError if there is none."""
        try:
            return git(self.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except CommandError as error:
            raise SettingsError(f"no dataset version named '{revision}' in {self.root}") from error

    def content(self, revision: str) -> str:
        """The hash of what a version holds: equal for two versions with the same corpora."""
        return git(self.root, "rev-parse", f"{revision}:data")

    def push(self) -> None:
        """Copy the files of the newest version to the remote.

        Raises AbsentError where the cache lacks one, UnreachableError for an outage of the remote.
        """
        with self._locked(), self._clone() as clone:
            drop_damaged(self.cache)
            self._require_whole(clone, "")
            try:
                dvc(clone, "push", "--remote", "store", environment=self.environment)
            except CommandError as error:
                raise self._outage(error) from error

    def _pull(self, repository: Path, pointers: list[str]) -> None:
        try:
            dvc(repository, "pull", "--remote", "store", *pointers, environment=self.environment)
        except CommandError as error:
            if "://" in self.remote and "Checkout failed" not in str(error):
                raise self._outage(error) from error
            self._require_whole(repository, f" and the remote {self.remote}")
            raise

    def _outage(self, error: CommandError) -> UnreachableError:
        return UnreachableError(f"the remote {self.remote} cannot be used ({error})")

    def _require_whole(self, repository: Path, where_else: str) -> None:
        """Raise AbsentError naming the first file whose object the cache lacks."""
        absent = absent_objects(repository / "data", self.cache)
        if absent:
            first = absent[0]
            raise AbsentError(
                f"corpus {first.corpus}: {len(absent)} of its objects are missing, or were damaged "
                f"and deleted, in {self.cache}{where_else}; the first is {first.md5} "
                f"({first.path or 'the list of its files'}); `antiphon dataset add "
                f"{first.corpus} FOLDER` with the same files brings them back"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # one writer at a time; the others wait
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root.with_suffix(".lock")):
            yield

    def _has_versions(self) -> bool:
        try:
            return bool(self.root.is_dir() and self.head())
        except CommandError:
            return False

    def _begin(self) -> None:
        self.root.mkdir(exist_ok=True)
        kind = () if (self.root / ".git").exists() else ("--bare",)
        git(self.root, "init", "--quiet", *kind, "--initial-branch", BRANCH)
        with scratch_beside(self.root, shared=True) as first:
            begin_repository(first, BRANCH)
            self._publish(first, "Begin the dataset registry")

    @contextmanager
    def _clone(self) -> Iterator[Path]:
        """A clone of the newest version, without data, that ends with the block."""
        for leftover in self.root.parent.glob(f".{self.root.name}.part*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # each has a name of its own: a dvc that outlived its command writes to none but its own
        with scratch_beside(self.root, shared=True) as clone:
            clone_repository(self.root, clone, "--branch", BRANCH)
            configure(clone, self.cache, self.remote, self.endpoint_url)
            yield clone

    @contextmanager
    def _next_version(self, message: str) -> Iterator[Path]:
        """A clone to change; the corpora that it points to at the end are the newest version."""
        with self._clone() as clone:
            yield clone
            self._publish(clone, message)

    def _publish(self, repository: Path, message: str) -> None:
        if commit_pointers(repository, message):
            # a path from here on, because git takes one with a colon for another machine
            here = os.path.relpath(repository.resolve(), self.root.resolve())
            git(self.root, "fetch", "--quiet", "--update-head-ok", here, f"HEAD:{BRANCH}")
