"""DVC runs a stage again when a file of its rooms changes, and leaves the others alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from infra.machine.commands import git

ROOT = Path(__file__).resolve().parents[2]
TRAINING = {"train", "adversarial"}
AFTER_TRAINING = {"export", "evaluate"}
EVERY = {"prepare", *TRAINING, *AFTER_TRAINING}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which every stage has run, as far as DVC can tell."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("flows", "models", "dvc.yaml", "params.yaml", ".dvcignore"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    git(tree, "init", "--quiet")
    for stage in yaml.safe_load((tree / "dvc.yaml").read_text())["stages"].values():
        for path in (*stage["deps"], *stage["outs"], *stage.get("metrics", [])):
            _make(tree / path)
    with pytest.MonkeyPatch.context() as patch, Repo.init(str(tree)) as repo:
        patch.chdir(tree)
        repo.commit(force=True)
    return tree


@pytest.fixture
def stale(settled: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """Gives the stages that DVC would run again after a change of one file."""

    monkeypatch.chdir(settled)  # names of stages are relative to where one stands

    def change(file: str) -> set[str]:
        path = settled / file
        source = path.read_bytes()
        path.write_bytes(source + b"\n# changed\n")
        try:
            with Repo(str(settled)) as repo:
                return set(repo.status())
        finally:
            path.write_bytes(source)

    return change


@pytest.mark.parametrize(
    ("file", "expected"),
    {
        "models/trials.py": EVERY,
        "models/params/tree.py": EVERY,
        "models/compute/workers.py": EVERY,
        "models/audio/reading.py": EVERY,
        "models/data/leakage.py": EVERY,
        "models/augmentations/gain.py": EVERY,
        "models/files/columns.py": EVERY,
        "models/detectors/layers/graph.py": TRAINING | AFTER_TRAINING,
        "models/evaluation/metrics/eer.py": EVERY,
        "models/evaluation/calibration.py": EVERY,
        "models/packaging/runtime.py": TRAINING | AFTER_TRAINING,
        "models/training/state.py": TRAINING | AFTER_TRAINING,
        "models/adversarial/pgd.py": {"adversarial", "evaluate"},
        "flows/stages.py": EVERY,
        "flows/candidate/evaluate.py": EVERY,
        "flows/gate/leaks.py": {"prepare"},
        "models/promotion/verdict.py": set(),
        "models/compression/int8.py": set(),
        "models/explanations/picture.py": set(),
        "flows/rollout/rollout.py": set(),
        "flows/retrain.py": set(),
    }.items(),
)
def test_a_changed_file_runs_the_stages_of_its_room_again(
    file: str, expected: set[str], stale: Callable[[str], set[str]]
) -> None:
    assert stale(file) == expected


def test_nothing_is_stale_where_nothing_changed(settled: Path) -> None:
    with Repo(str(settled)) as repo:
        assert repo.status() == {}


def _make(path: Path) -> None:
    """Make a file or folder that the stages read or write; a file where its name has a suffix."""
    if path.exists():
        return
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    else:
        path.mkdir(parents=True)
        (path / "file").touch()
