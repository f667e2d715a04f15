"""A real detector, a real process, and a real kill -9."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from models.data.clips import pack
from models.detectors import build_detector
from models.params.adversarial import AdversarialParams
from models.params.detector import DetectorParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.state import weights_hash
from models.training.train import Execution, TrainingResult, seed_everything, train
from models.trials import Trial

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
NARROW = {"sinc_filters": 12, "widths": (4, 4), "graph_dims": (8, 8)}
PARAMS = Params(
    window=WindowParams(samples=8000, hop=4000),
    detector=DetectorParams("aasist", NARROW),
    training=TrainingParams(
        learning_rate=1e-3, batch_size=4, epochs=2, steps_per_epoch=4, crop_samples=8000
    ),
    augmentation={"gain": 0.5, "white_noise": 0.5},
    adversarial=AdversarialParams(epochs=1, steps=1, snr_db=30.0),
)

RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_killed_training import run
run(Path(sys.argv[1]), kill_at=6)
"""

# sees what the packages named in argv[3:] bring, and no other package
WORKER = """
import sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path

INSTALLED, BROUGHT_BY = set(sys.argv[3:]), packages_distributions()

class Worker(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        packages = BROUGHT_BY.get(name.partition(".")[0])
        if packages is None or INSTALLED & {canonical(package) for package in packages}:
            return super().find_spec(name, path, target)

def canonical(name):
    return name.lower().replace("_", "-").replace(".", "-")

sys.meta_path[sys.meta_path.index(PathFinder)] = Worker
import models.training.train, models.training.scoring
import models.adversarial.hardening, models.adversarial.robustness
sys.path.insert(0, sys.argv[2])
from models.data.clips import open_clips
from models.detectors import build_detector
from models.params.tree import params_from_mapping
params = params_from_mapping({
    "detector": {
        "name": "aasist",
        "options": {"sinc_filters": 12, "widths": [4, 4], "graph_dims": [8, 8]},
    },
    "training": {"batch_size": 4, "epochs": 1, "steps_per_epoch": 1, "crop_samples": 8000},
    "window": {"samples": 8000}, "augmentation": {"gain": 1.0, "white_noise": 1.0},
    "adversarial": {"attack": "pgd", "steps": 1},
})
train, dev = (open_clips(Path(sys.argv[1]), name) for name in ("train", "dev"))
detector = build_detector(params.detector.name, params.detector.options)
run = models.training.train.Execution(progress=True)
models.training.train.train(detector, train, dev, params, run=run)
models.adversarial.hardening.harden(detector, train, dev, params, run=run)
models.adversarial.robustness.attacked_scores(detector, dev, params.window, "fgsm", 40.0, 4, 1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packed clips: noise and hums."""
    place, rng = tmp_path_factory.mktemp("packed"), np.random.default_rng(5)
    for name in ("train", "dev"):
        trials = [Trial(f"{i}", Path(f"{i}"), "A1" if i % 2 else None) for i in range(8)]
        pack(trials, lambda path: _waveform(int(path.name), rng), place, name)
    return place


def _waveform(number: int, rng: np.random.Generator) -> np.ndarray:
    noise = 0.1 * rng.standard_normal(9000)
    hum = number % 2 * 0.3 * np.sin(np.arange(9000) * 0.1)
    return (noise + hum).astype(np.float32)


def run(
    folder: Path, kill_at: int | None = None, checkpoint: bool = True
) -> tuple[TrainingResult, str]:
    """Train on the clips of a folder, to the end or until a step at which the process is killed."""
    import os

    from models.data.clips import open_clips
    from models.training.sampling import Sampler

    torch.set_num_threads(1)
    batch = Sampler.batch

    def killing(self: Sampler, step: int) -> tuple[np.ndarray, np.ndarray]:
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch(self, step)

    if kill_at is not None:
        Sampler.batch = killing  # type: ignore[method-assign]
    seed_everything(PARAMS.training.seed)
    detector = build_detector(PARAMS.detector.name, PARAMS.detector.options)
    result = train(
        detector,
        open_clips(folder, "train"),
        open_clips(folder, "dev"),
        PARAMS,
        run=Execution(
            checkpoint=folder / "train.pt" if checkpoint else None, checkpoint_every_s=0.0
        ),
    )
    return result, weights_hash(detector.state_dict())


def packages_of(extra: str) -> set[str]:
    """The packages that an extra of pyproject.toml names, and all that those need here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(line) for line in project["optional-dependencies"][extra]]
    packages = set()
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in packages:
            packages.add(name)
            needed = map(Requirement, requires(name) or [])
            waiting += [n for n in needed if n.marker is None or n.marker.evaluate({"extra": ""})]
    return packages


def start(program: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(folder), str(Path(__file__).parent), *more],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.usefixtures("one_thread")
def test_kill_9_in_the_middle_of_an_epoch_changes_nothing(folder: Path) -> None:
    expected = run(folder, checkpoint=False)
    killed = start(RUN, folder)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    stored = torch.load(folder / "train.pt", weights_only=True)
    assert (stored["step"], len(stored["history"])) == (
        6,
        1,
    )  # the second of two epochs of four steps
    assert run(folder) == expected


def test_a_gpu_worker_trains_with_the_packages_of_its_extra_alone(folder: Path) -> None:
    packages = packages_of("worker")
    assert {"torch", "pydantic", "soundfile"} <= packages
    assert not packages & {"pandas", "pyyaml", "mlflow", "tqdm"}
    done = start(WORKER, folder, *packages)
    assert done.returncode == 0, done.stderr
