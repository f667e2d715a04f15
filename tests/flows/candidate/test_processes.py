"""Stages in several processes: started, killed, started again, and failing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from flows import stages
from flows.candidate.lifeline import LIFELINE
from flows.candidate.pipeline_folders import CHECKPOINTS, EPOCHS
from flows.candidate.processes import LOST, _end_of, processes
from models.data.clips import pack
from models.errors import InputError
from models.files.whole_files import read_rows
from models.trials import Trial

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = stages.TRAINED / "detector" / "weights.safetensors"
DOCUMENT: dict[str, Any] = {
    "window": {"samples": 8000, "hop": 8000},
    "detector": {
        "name": "aasist",
        "options": {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]},
    },
    "training": {"batch_size": 4, "epochs": 3, "steps_per_epoch": 4, "crop_samples": 8000},
    "augmentation": {"gain": 0.5},
}
KILLED = """
import os
import signal
from pathlib import Path

from safetensors.torch import save_file

from flows import stages
from flows.candidate.epochs import checkpoint_of
from flows.candidate.processes import run_together
from flows.candidate.starting_weights import random_detector
from models.data.clips import open_clips
from models.training.continual.anchor import Anchor
from models.compute.distributed import joined
from models.params.tree import read_params
from models.training.sampling import Sampler
from models.training.train import Execution, LearningRule, train

batch = Sampler.batch

def killing(self, step):
    if step == 7 and os.environ["RANK"] == "0":
        os.killpg(0, signal.SIGKILL)
    return batch(self, step)

def work():
    params = read_params(Path("params.yaml"))
    clips = [open_clips(stages.PREPARED, name) for name in ("train", "dev")]
    with joined("cpu") as (world, _):
        whole = random_detector(params)
        train(whole, *clips, params, run=Execution(world=world))
        if world.leads:
            save_file(whole.state_dict(), "whole.safetensors")
        Sampler.batch = killing
        train(
            random_detector(params), *clips, params,
            rule=LearningRule(anchor=Anchor()),
            run=Execution(
                world=world, checkpoint=checkpoint_of("train"), checkpoint_every_s=0.0
            ),
        )

if __name__ == "__main__":
    run_together(work, 2)
"""
ONE_FAILS = """
import sys
from flows.candidate.processes import run_together
from models.compute.distributed import joined
from models.errors import InputError
import torch

def work():
    with joined("cpu") as (world, _):
        world.add_up(torch.ones(3))
        if world.rank == 1:
            raise InputError("clip 7 is unusable")
        world.add_up(torch.ones(3))  # never comes back with a sum

if __name__ == "__main__":
    try:
        run_together(work, 2)
    except InputError as error:
        sys.exit(f"{error}")
"""


def lay_project(folder: Path) -> Path:
    """Packed clips and params.yaml."""
    rng = np.random.default_rng(5)
    for name in ("train", "dev"):
        trials = [Trial(f"{i}", Path(f"{i}"), "A1" if i % 2 else None) for i in range(8)]

        def read(path: Path) -> np.ndarray:
            hum = int(path.name) % 2 * 0.3 * np.sin(np.arange(9000) * 0.1)
            return (0.1 * rng.standard_normal(9000) + hum).astype(np.float32)

        pack(trials, read, folder / stages.PREPARED, name)
    (folder / "params.yaml").write_text(yaml.safe_dump(DOCUMENT))
    return folder


def start(
    folder: Path, *command: str, stdin: int | None = None, lifeline: bool = False
) -> subprocess.Popen[str]:
    """A command in a process group of its own."""
    environment = {
        **({LIFELINE: "1"} if lifeline else {}),
        **os.environ, "PYTHONPATH": str(ROOT), "ANTIPHON_DEVICE": "cpu",
        "ANTIPHON_TRAINING_PROCESSES": "2", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, text=True,
        stdin=stdin, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def nobody_is_left(group: int) -> bool:
    """Whether all processes of a group end within five seconds."""
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_kill_9_of_all_processes_changes_nothing(tmp_path: Path) -> None:
    folder = lay_project(tmp_path)
    (folder / "work.py").write_text(KILLED)
    killed = start(folder, "work.py")
    _, stderr = killed.communicate(timeout=200)
    assert killed.returncode == -signal.SIGKILL, stderr
    again = start(folder, "-m", "flows.stages", "train")
    _, stderr = again.communicate(timeout=200)
    assert again.returncode == 0, stderr
    assert "training goes on from step 7" in stderr
    assert stderr.count("best epoch") == 1  # the leading process alone tells
    whole, resumed = load_file(folder / "whole.safetensors"), load_file(folder / WEIGHTS)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())
    rows = read_rows(folder / stages.TRAINED / EPOCHS)
    assert [row["epoch"] for row in rows] == ["2", "3"]  # of the second start
    assert list((folder / CHECKPOINTS).iterdir()) == []


@pytest.mark.slow
def test_an_error_in_one_process_ends_all_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(ONE_FAILS)
    child = start(tmp_path, "work.py")
    _, stderr = child.communicate(timeout=60)
    assert stderr == "clip 7 is unusable\n"
    assert nobody_is_left(child.pid)


def training(folder: Path, **start_options: Any) -> subprocess.Popen[str]:
    """A long training in two processes that has closed an epoch."""
    lay_project(folder)
    document = {**DOCUMENT, "training": {**DOCUMENT["training"], "epochs": 5000}}
    (folder / "params.yaml").write_text(yaml.safe_dump(document))
    child = start(folder, "-m", "flows.stages", "train", **start_options)
    until = time.monotonic() + 200
    while not (folder / CHECKPOINTS / "train.pt").is_file():
        assert child.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    return child


@pytest.mark.slow
def test_sigterm_to_the_stage_alone_ends_all_its_processes(tmp_path: Path) -> None:
    with training(tmp_path) as child:
        child.terminate()
        assert child.wait(timeout=60) == 128 + signal.SIGTERM
    assert nobody_is_left(child.pid)
    assert (tmp_path / CHECKPOINTS / "train.pt").is_file()


@pytest.mark.slow
def test_a_stage_ends_with_the_cycle_that_runs_it_however_that_ended(tmp_path: Path) -> None:
    with training(tmp_path, stdin=subprocess.PIPE, lifeline=True) as child:
        assert child.stdin is not None
        child.stdin.close()  # as the kernel does for a process that was killed
        assert child.wait(timeout=60) == -signal.SIGKILL
    assert nobody_is_left(child.pid)


def test_who_ended_first_is_named() -> None:
    sentence = _end_of([LOST, -signal.SIGKILL, -signal.SIGTERM])
    assert sentence.startswith("process 1 of 3 ended by SIGKILL; ")
    assert _end_of([1, LOST]).startswith("process 0 of 2 ended by status 1; ")


def test_the_setting_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTIPHON_TRAINING_PROCESSES", raising=False)
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    assert processes() == 1
    for value, count in (("3", 3), ("auto", 1), ("", 1)):
        monkeypatch.setenv("ANTIPHON_TRAINING_PROCESSES", value)
        assert processes() == count
    monkeypatch.setenv("RANK", "0")  # torchrun has started this one
    monkeypatch.setenv("ANTIPHON_TRAINING_PROCESSES", "3")
    assert processes() == 1


@pytest.mark.parametrize("value", ["0", "-1", "all", "1.5"])
def test_another_number_of_processes_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_TRAINING_PROCESSES", value)
    with pytest.raises(InputError, match=r"^ANTIPHON_TRAINING_PROCESSES: auto or a number"):
        processes()
