"""A cycle's own folder: a dataset version, the pipeline and its code, apart from the source tree.

    <state>/cycles/<cycle>/     a git repository, cloned from the dataset registry
      data/                     the dataset version, linked from the shared cache
      dvc.yaml params.yaml      the pipeline
      models/ serving/ …        the code it runs, as it was when the cycle began; no lab, no demo
      pipeline/                 what the stages read and write

Workspaces share the DVC cache: a stage whose inputs are those of an earlier cycle does not run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from flows.candidate.lifeline import LIFELINE
from infra.datasets.registry import DatasetRegistry
from infra.machine.commands import CommandError, command_environment, git
from infra.machine.process_groups import running_group
from models.files.manifest import file_hash
from models.files.whole_files import written_beside
from models.fronts.locating import content_hash
from models.params.tree import read_params

PRETRAINED_HASH = "pretrained.sha256"
GRACE_S = 5.0  # between asking the stages to end and killing them
PROJECT = Path(__file__).resolve().parents[2]
_CODE = ("flows", "models", "serving", "monitoring", "infra")
_RESEARCH = (Path("flows/lab"), Path("flows/demo"))  # no stage needs them
_FILES = ("dvc.yaml", ".dvcignore", "pipeline/README.md", "pipeline/champion/README.md")


@dataclass(frozen=True)
class Workspace:
    """One cycle's folder and the dataset version in it."""

    folder: Path
    revision: str

    @property
    def pipeline(self) -> Path:
        """What the stages read and write."""
        return self.folder / "pipeline"

    def reproduce(
        self,
        on_line: Callable[[str], None],
        environment: dict[str, str],
        stages: Sequence[str] = (),
    ) -> None:
        """Run the stages that changed: of all, or of those named and what they need.

        Raises CommandError with the last words of a failure. Whatever ends this process ends the
        stages; what a training has saved stays.
        """
        last_lines: deque[str] = deque(maxlen=2)
        with running_group(
            [sys.executable, "-P", "-m", "dvc", "repro", *stages],
            command_environment({**environment, LIFELINE: "1"}),
            subprocess.PIPE,
            grace_s=GRACE_S,
            folder=self.folder,
            lifeline=True,
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                text = line.decode(errors="replace")
                last_lines.extend([text.strip()] if text.strip() else [])
                on_line(text.rstrip())
            child.wait()
        if child.returncode != 0:
            raise CommandError(f"dvc repro in {self.folder}: {_last_words(last_lines)}")
        self._commit()

    def _commit(self) -> None:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "--message", "Run the pipeline")


def open_workspace(
    registry: DatasetRegistry,
    cycles: Path,
    cycle_id: str,
    revision: str,
    params: Path,
    champion: Path | None,
) -> Workspace:
    """Make the workspace of a cycle, or find it as a retry of the cycle left it."""
    folder = cycles / cycle_id
    if folder.is_dir():
        registry.link(folder)
    else:
        with written_beside(folder) as scratch:
            registry.checkout(revision, scratch)
            _lay_pipeline(scratch, params, champion)
    return Workspace(folder, revision)


def code_commit() -> str:
    """The commit of the running code, `-dirty` where it was changed; `unknown` without git."""
    try:
        commit = git(PROJECT, "rev-parse", "HEAD")
        changed = git(PROJECT, "status", "--porcelain", "--untracked-files=no")
    except (CommandError, FileNotFoundError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def code_hash(*rooms: str) -> str:
    """SHA-256 of the names and contents of the code in some rooms.

    Without a room: of all files that a new workspace would run, and of the locked packages.
    """
    files = set() if rooms else {PROJECT / name for name in (*_FILES, "requirements.lock")}
    for room in rooms or _CODE:
        files.update((PROJECT / room).rglob("*"))
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        place = path.relative_to(PROJECT)
        if "__pycache__" not in place.parts and not set(_RESEARCH) & set(place.parents):
            digest.update(f"{place}\n{file_hash(path)}\n".encode())
    return digest.hexdigest()


def _last_words(lines: Iterable[str]) -> str:
    """Which stage failed and what it said last, where DVC says no more than that one did."""
    *before, last = lines or ["it said nothing"]
    failed, runs, _ = last.removeprefix("ERROR: ").partition(": failed to run: ")
    return f"{failed}: {before[-1]}" if runs and before else last


def _lay_pipeline(folder: Path, params: Path, champion: Path | None) -> None:
    for package in _CODE:
        shutil.copytree(PROJECT / package, folder / package, ignore=_not_for_stages)
    for name in _FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    chosen = read_params(params)
    complete = asdict(chosen)  # dvc wants every section, people only what differs
    (folder / "params.yaml").write_text(yaml.safe_dump(complete, sort_keys=False), "utf-8")
    (folder / ".gitignore").write_text("__pycache__/\n/pipeline/\n", "utf-8")
    begin = folder / "pipeline" / "champion"  # what a training may start from: DVC compares it
    if champion is not None:
        shutil.copytree(champion, begin / "detector")
    if pretrained := content_hash(chosen.pretrained):
        (begin / PRETRAINED_HASH).write_text(f"{pretrained}\n", "utf-8")


def _not_for_stages(folder: str, names: list[str]) -> set[str]:
    place = Path(folder).relative_to(PROJECT)
    return {name for name in names if name == "__pycache__" or place / name in _RESEARCH}
