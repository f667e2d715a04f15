"""A corpus that is added to the dataset registry by a process that is stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.datasets.registry import DatasetRegistry
from infra.machine.commands import git

pytestmark = pytest.mark.slow

FILES = 12
IGNORED = "data/.gitignore"

# puts a corpus into a registry, and waits where it is told to: at the call of a program whose
# arguments hold the word, or at the copy of the file of that name
ADD = """
import sys, time
from pathlib import Path

word, wait_s, root, folder = sys.argv[1:]

def pause(event, arguments):
    if event in ("subprocess.Popen", "shutil.copyfile"):
        if any(word == Path(part).name for part in map(str, pause.flat(arguments))):
            print("reached", flush=True)
            for _ in range(int(20 * float(wait_s))):  # one sleep would miss a signal just before it
                time.sleep(0.05)

pause.flat = lambda arguments: [
    part for a in arguments if a is not None
    for part in (a if isinstance(a, (list, tuple)) else [a])
]
sys.addaudithook(pause)

from infra.datasets.registry import DatasetRegistry
root = Path(root)
registry = DatasetRegistry(root / "datasets", root / "dvc-cache", str(root / "dvc-remote"))
registry.put_corpus("calls", Path(folder), "Put calls")
"""


def registry_in(root: Path) -> DatasetRegistry:
    """The registry of a state folder, opened as every command opens it."""
    registry = DatasetRegistry(root / "datasets", root / "dvc-cache", str(root / "dvc-remote"))
    registry.open()
    return registry


def committed(registry: DatasetRegistry) -> set[str]:
    """The files of the newest version that are not of the registry itself."""
    files = set(git(registry.root, "ls-tree", "-r", "--name-only", "HEAD").splitlines())
    return files - {".dvc/config", ".dvc/.gitignore", ".dvcignore", "data/README.md"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    registry_in(folder)
    return folder


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL], ids=lambda stop: stop.name)
@pytest.mark.parametrize(
    "word,running_s",
    [("7.wav", None), ("add", 0.1), ("commit", None), ("fetch", None)],
    ids=["while files are copied", "while dvc runs", "before the commit", "before it is published"],
)
def test_an_add_that_is_stopped_leaves_nothing_and_can_be_repeated(
    root: Path, tmp_path: Path, word: str, running_s: float | None, stop: signal.Signals
) -> None:
    corpus = tmp_path / "calls"
    corpus.mkdir()
    for number in range(FILES):
        (corpus / f"{number}.wav").write_text(f"{word} {stop} {number}")
    registry = registry_in(root)
    before, files = registry.head(), committed(registry)

    pause = "0" if running_s else "60"
    command = [sys.executable, "-c", ADD, word, pause, str(root), str(corpus)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "reached\n"
        time.sleep(running_s or 0)
        child.send_signal(stop)
        assert child.wait(timeout=60) != 0

    registry = registry_in(root)
    assert (registry.head(), committed(registry)) == (before, files)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1.wav").write_text("other")
    registry.put_corpus("other", tmp_path / "other", "Put other")
    assert {name for name in committed(registry) if not name.endswith(".dvc")} == {IGNORED}
    assert registry.put_corpus("calls", corpus, "Put calls") != before
    assert committed(registry) == {IGNORED, "data/calls.dvc", "data/other.dvc"}
    registry.export("HEAD", tmp_path / "out")
    assert {p.name: p.read_text() for p in (tmp_path / "out" / "calls").iterdir()} == {
        p.name: p.read_text() for p in corpus.iterdir()
    }
    assert not list(root.glob(".datasets.part*")), "the next add deletes what was left"


def test_audio_that_an_earlier_release_committed_is_taken_out_again(tmp_path: Path) -> None:
    """A stopped add once left its copy in the work tree, and the next one committed it."""
    root, corpus = tmp_path / "datasets", tmp_path / "calls"
    for name in (".dvc/config", ".dvcignore", "data/README.md", "data/calls/1.wav"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    (root / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Put other")
    corpus.mkdir()
    (corpus / "1.wav").write_text("one")

    registry = registry_in(tmp_path)
    assert committed(registry) == {IGNORED}
    registry.put_corpus("calls", corpus, "Put calls")
    assert committed(registry) == {IGNORED, "data/calls.dvc"}
    registry.export("HEAD", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").glob("*/*")] == ["1.wav"]
