"""The dataset registry: a git repository with DVC; its commits are dataset versions.

    <state>/datasets/
      data/<corpus>.dvc      one for each base corpus
      data/field.dvc         the reviewed field samples: protocol.csv and audio/
    <state>/dvc-cache/       their files, stored once, shared with the workspace of every cycle

No git server is needed. `push` copies a version to the remote (a folder or s3://), from which
another machine can pull.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from infra.beside import scratch_beside
from infra.commands import CommandError, dvc, git
from infra.errors import SettingsError
from infra.settings import Settings

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
        """Create the registry if it does not exist, and configure its cache and remote."""
        with self._locked():
            self._make()
            self._configure(self.root)

    def head(self) -> str:
        """The newest dataset version, a git revision."""
        return git(self.root, "rev-parse", "HEAD")

    def corpora(self) -> tuple[str, ...]:
        """The names of the corpora in the newest version."""
        return tuple(sorted(path.stem for path in (self.root / "data").glob("*.dvc")))

    def put_corpus(self, name: str, folder: Path, message: str) -> str:
        """Make `folder` the content of corpus `name` in a new version; returns its revision.

        The folder is copied next to the old content and swapped in, so that a failure keeps the old
        version. The same content gives the same version.
        """
        if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
            raise SettingsError(f"corpus name: letters, digits, - and _ expected, found {name!r}")
        with self._locked():
            self._swap_in(name, folder)
            self._dvc("add", "--quiet", f"data/{name}")
            return self._commit(message)

    def drop_corpus(self, name: str, message: str) -> str:
        """A new version without corpus `name`; the newest version if it has no such corpus."""
        with self._locked():
            if name not in self.corpora():
                return self.head()
            self._dvc("remove", "--quiet", f"data/{name}.dvc")
            shutil.rmtree(self.root / "data" / name, ignore_errors=True)
            return self._commit(message)

    def versions(self) -> list[str]:
        """One line for each version, newest first: revision, time, message."""
        return git(self.root, "log", "--format=%h  %ci  %s").splitlines()

    def folder(self, name: str) -> Path:
        """The content of a corpus in the newest version; files are links into the cache."""
        return self.root / "data" / name

    def checkout(self, revision: str, into: Path) -> None:
        """Clone the registry at a revision into a new folder, with links to its data."""
        git(self.root, "clone", "--quiet", "--no-checkout", str(self.root), str(into))
        git(into, "checkout", "--quiet", "-B", "cycle", revision)
        self._configure(into)
        if any((into / "data").glob("*.dvc")):
            self._link(into)

    def export(self, revision: str, into: Path) -> None:
        """Copy the corpora of a version into a folder, next to its other content."""
        with tempfile.TemporaryDirectory(dir=self.root.parent) as beside:
            clone = Path(beside) / "clone"
            self.checkout(self.resolve(revision), clone)
            for corpus in (clone / "data").iterdir():
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

    def _link(self, folder: Path) -> None:
        try:
            dvc(folder, "checkout", "--quiet")
        except CommandError:  # this machine's cache lacks a file; the remote may have it
            dvc(folder, "pull", "--quiet", "--remote", "store", environment=self.environment)

    def push(self) -> None:
        """Copy the files of the newest version to the remote."""
        with self._locked():
            self._dvc("push", "--quiet", "--remote", "store")

    def _dvc(self, *arguments: str) -> None:
        dvc(self.root, *arguments, environment=self.environment)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # dvc refuses a second process at the same time; callers wait instead
        self.root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root.with_suffix(".lock")):
            yield

    def _make(self) -> None:
        if (self.root / ".dvc" / "config").is_file():
            return
        (self.root / "data").mkdir(parents=True, exist_ok=True)
        git(self.root, "init", "--quiet", "--initial-branch", "main")
        dvc(self.root, "init", "--quiet", "--force")
        self._configure(self.root)
        (self.root / "data" / "README.md").write_text("Corpora, one folder each.\n", "utf-8")
        self._commit("Begin the dataset registry")

    def _configure(self, repository: Path) -> None:
        """Write cache, links and remote to a file that git ignores, because paths are local."""
        remote = {"url": self.remote, "endpointurl": self.endpoint_url}
        sections = {
            "core": {"analytics": "false", "check_update": "false", "autostage": "true"},
            "cache": {"dir": str(self.cache), "type": "reflink,hardlink,symlink,copy"},
            "'remote \"store\"'": {name: value for name, value in remote.items() if value},
        }
        (repository / ".dvc" / "config.local").write_text(_ini(sections), "utf-8")

    def _swap_in(self, name: str, folder: Path) -> None:
        target = self.root / "data" / name
        with scratch_beside(target) as scratch:
            shutil.copytree(folder, scratch)
            if target.exists():
                shutil.rmtree(target)
            scratch.rename(target)

    def _commit(self, message: str) -> str:
        git(self.root, "add", "--all")
        try:
            git(self.root, "diff", "--cached", "--quiet")
        except CommandError:  # exit status 1: something changed
            git(self.root, "commit", "--quiet", "--message", message)
        return self.head()


def _ini(sections: Mapping[str, Mapping[str, str]]) -> str:
    lines: list[str] = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        lines.extend(f"    {name} = {value}" for name, value in options.items())
    return "\n".join(lines) + "\n"
