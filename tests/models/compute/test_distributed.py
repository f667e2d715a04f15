"""Two real processes that speak by gloo, beside one.

Weights are compared in float64: there only what is computed counts, not in which order it is
rounded. In float32, Adam makes steps of full size out of the rounding of gradients that are zero in
truth, such as those of biases in front of batch norm.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.adversarial.hardening import harden
from models.compute.distributed import ALONE, World, described, joined
from models.data.clips import Clips
from models.detectors import build_detector
from models.detectors.fitted import FittedDetector, Fitting
from models.errors import InputError
from models.params.adversarial import AdversarialParams
from models.params.learning import AveragingParams, GrowthParams, ObjectiveParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training import sampling
from models.training.continual.anchor import Anchor, Anchors
from models.training.continual.distillation import Distillation
from models.training.continual.ewc import ElasticWeights
from models.training.continual.projection import Projection, by_attention, projectors
from models.training.state import TrainingState
from models.training.train import Execution, LearningRule, TrainingResult, check_shares, train
from models.trials import Trial
from tests.small import SmallTraining, SmallTransfer, SmallWindow
from tests.tolerances import EPS, rounding

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = EPS  # of weights of size 1: losses are of answers rounded to single precision
RUN = """
import sys
sys.path.insert(0, sys.argv[2])
from test_distributed import run_all
run_all(sys.argv[1])
"""

PARAMS = Params(
    window=SmallWindow(),
    training=SmallTraining(
        learning_rate=0.02, final_learning_rate=0.001, batch_size=8, epochs=2, steps_per_epoch=5,
    ),
    augmentation={"gain": 0.5, "white_noise": 0.5},
)  # fmt: skip
NARROW = {
    "sinc_filters": 12, "widths": (4, 4), "graph_dims": (8, 8), "attention_dropout": 0.0,
    "pool_dropout": 0.0, "branch_dropout": 0.0, "readout_dropout": 0.0,
}  # fmt: skip

Run = Callable[[World], tuple[nn.Module, TrainingResult | None]]


class Hungry(nn.Module):
    """Asks for a thousand tebibytes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Nothing."""
        return self.weight * torch.empty(2**50, dtype=torch.uint8) * len(waveforms)


class Small(nn.Module):
    """Batch norm over filters; in double precision unless it is made `float()`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.filters, self.norm = nn.Conv1d(1, 6, 17, stride=4), nn.BatchNorm1d(6)
        self.out = nn.Linear(6, 2)
        self.double()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        inputs = waveforms.to(self.out.weight.dtype)[:, None]
        return self.out(self.norm(self.filters(inputs)).abs().mean(dim=2))


class Shifted(FittedDetector):
    """A part that learns in steps, and an offset that one process alone estimates."""

    embedding_dim = 1

    def __init__(self) -> None:
        super().__init__()
        self.name, self.options = "shifted", {}
        self.part = Small()
        self.part.name, self.part.options = "part", {}  # type: ignore[assignment]
        self.register_buffer("offset", torch.zeros(2).double())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2) of clips of any length."""
        return self.analyse(waveforms)[1]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """No embedding worth the name."""
        logits = self.part(waveforms) + self.offset
        return logits[:, :1], logits

    def fit(self, fitting: Fitting) -> None:
        """The part first."""
        fitting.learn_part(self.part, "part")  # type: ignore[arg-type]
        if fitting.world.leads:
            means = [self.part(waveforms).mean(dim=0).detach() for waveforms, _ in fitting.crops()]
            self.offset.copy_(-torch.stack(means).mean(dim=0))


def clips(seed: int, length: int = 900) -> Clips:
    """24 clips of noise and tones, half of each."""
    rng, trials, waveforms = np.random.default_rng(seed), [], []
    for i in range(24):
        trials.append(Trial(f"{i}", Path("x"), f"A{i % 3}" if i % 2 else None))
        tone = 0.1 * np.sin(np.arange(length + i) * rng.uniform(0.2, 0.4))
        waveforms.append((i % 2 * tone + 0.1 * rng.standard_normal(length + i)).astype(np.float32))
    return Clips.from_arrays(trials, waveforms)


def training(**changes: Any) -> Run:
    """Of a small detector, with these changes of its params."""

    def run(world: World) -> tuple[nn.Module, TrainingResult | None]:
        params = replace(PARAMS, training=replace(PARAMS.training, **changes))
        return (detector := Small()), train(
            detector, clips(1), clips(2), params, run=Execution(world=world)
        )

    return run


def hardening(**changes: Any) -> Run:
    """A hardening of a small detector."""

    def run(world: World) -> tuple[nn.Module, TrainingResult | None]:
        adversarial = AdversarialParams(epochs=1, learning_rate=0.02, **changes)
        params = replace(PARAMS, adversarial=adversarial)
        return (detector := Small()), harden(
            detector, clips(1), clips(2), params, run=Execution(world=world)
        )

    return run


def continuing(anchor: Callable[[nn.Module], Anchor]) -> Run:
    """A training of a small detector that something holds."""

    def run(world: World) -> tuple[nn.Module, TrainingResult | None]:
        detector = Small()
        held = anchor(detector)
        return detector, train(
            detector,
            clips(1),
            clips(2),
            PARAMS,
            rule=LearningRule(anchor=held),
            run=Execution(world=world),
        )

    return run


def aasist(world: World) -> tuple[nn.Module, TrainingResult]:
    """A narrow AASIST, in double precision."""
    torch.manual_seed(3)
    detector = build_detector("aasist", NARROW).double()
    analyse = detector.analyse
    detector.analyse = lambda waveforms: analyse(waveforms.double())  # type: ignore[method-assign]
    short = replace(
        PARAMS.training, batch_size=4, learning_rate=1e-3, crop_samples=8000, steps_per_epoch=3
    )
    params = replace(PARAMS, training=short, window=WindowParams(8000, 8000))
    few = [clips(seed, 8500).take(range(8)) for seed in (1, 2)]
    return detector, train(detector, *few, params, run=Execution(world=world))


def fitted(world: World) -> tuple[nn.Module, TrainingResult]:
    """A part in steps that all take, and the rest by the leading process."""
    return (detector := Shifted()), train(
        detector, clips(1), clips(2), PARAMS, run=Execution(world=world)
    )


def single(world: World) -> tuple[nn.Module, TrainingResult]:
    """In the precision that is used."""
    return (detector := Small().float()), train(
        detector, clips(1), clips(2), PARAMS, run=Execution(world=world)
    )


def _ewc(detector: nn.Module) -> Anchor:
    return ElasticWeights.of(
        detector, clips(3).take(range(4)), PARAMS.window, torch.device("cpu"), 10.0
    )


def _rawm_answers(detector: nn.Module) -> Anchor:
    return Distillation(detector, 1.0, 2.0, bonafide_only=True)


def _rwm(detector: nn.Module) -> Anchor:
    detector.float()  # projectors are
    away = projectors(detector, clips(3).take(range(4)), PARAMS.window, torch.device("cpu"))
    detector.double()
    return Projection({name: p.double() for name, p in away.items()}, 0.1, by_attention)


CASES: dict[str, Run] = {
    "as it is": training(),
    "a batch that does not divide": training(batch_size=7),
    "in parts": training(batch_size=9, accumulate=2),
    "clips in order, growing": training(
        balanced=False, steps_per_epoch=0, growth=GrowthParams(first_share=0.5, epochs=2)
    ),
    "mixup, ema": training(
        objective=ObjectiveParams(mixup=0.4, label_smoothing=0.1),
        averaging=AveragingParams(kind="ema", decay=0.9),
    ),
    "swa": training(averaging=AveragingParams(kind="swa", start=0.0)),
    "frozen at first": training(transfer=SmallTransfer(frozen_epochs=1)),
    "one-class": training(loss="one-class"),
    "pgd": hardening(attack="pgd"),
    "one attacked clip": hardening(attack="fgsm", share=0.125),
    "trades": hardening(trades_beta=3.0),
    "free": hardening(attack="free"),
    "ewc": continuing(_ewc),
    "distillation of bona fide clips": continuing(_rawm_answers),
    "rwm": continuing(_rwm),
    "distillation and rwm": continuing(lambda net: Anchors([_rawm_answers(net), _rwm(net)])),
    "aasist": aasist,
    "fitted": fitted,
    "single": single,
}


def run_all(folder: str) -> None:
    """What each of the two processes does: all cases, one after the other."""
    torch.set_num_threads(1)
    with joined("cpu") as (world, _):
        for name, run in CASES.items():
            torch.save(_outcome(run, world), Path(folder) / f"{name}.{world.rank}")
        crops = _count_crops()
        CASES["a batch that does not divide"](world)
        (Path(folder) / f"crops.{world.rank}").write_text(str(len(crops)))
        try:
            train(Hungry(), clips(1), clips(2), PARAMS, run=Execution(world=world))
        except InputError as error:
            (Path(folder) / f"hungry.{world.rank}").write_text(str(error))


def _count_crops() -> list[int]:
    """A list that grows by the index of each clip that is cut from now on."""
    indices: list[int] = []
    cut = sampling.crop

    def counting(source: Clips, index: int, *how: Any) -> np.ndarray:
        indices.append(index)
        return cut(source, index, *how)

    sampling.crop = counting
    return indices


def _outcome(run: Run, world: World) -> tuple[dict[str, Tensor], list[float]]:
    detector, result = run(world)
    assert result is not None
    figures = [x for e in result.history for x in (e.train_loss, e.dev_loss, e.dev_eer)]
    return detector.state_dict(), figures


def _untrained(name: str) -> nn.Module:
    if name == "aasist":
        return build_detector("aasist", NARROW)
    return Shifted() if name == "fitted" else Small()


def start(rank: int, folder: Path, port: int) -> subprocess.Popen[str]:
    environment = {
        "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    command = [sys.executable, "-c", RUN, str(folder), str(Path(__file__).parent)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, text=True, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Path:
    """The folder where two processes left what they came to."""
    folder, port = tmp_path_factory.mktemp("two"), free_port()
    children = [start(rank, folder, port) for rank in range(2)]
    for child in children:
        _, stderr = child.communicate(timeout=600)
        assert child.returncode == 0, stderr
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the children."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", [name for name in CASES if name != "single"])
def test_two_processes_end_with_the_weights_of_one(name: str, two: Path) -> None:
    (first, figures), (second, others) = (torch.load(two / f"{name}.{rank}") for rank in range(2))
    assert figures == others
    expected, expected_figures = _outcome(CASES[name], ALONE)
    untrained = _untrained(name).state_dict()
    assert any(not torch.equal(expected[k], v) for k, v in untrained.items())
    assert figures == pytest.approx(expected_figures, rel=8 * EPS)
    for key, value in expected.items():
        assert torch.equal(first[key], second[key])
        torch.testing.assert_close(first[key], value, rtol=0.0, atol=TOLERANCE)


@pytest.mark.usefixtures("one_thread")
def test_in_single_precision_what_matters_is_the_same_but_for_rounding(two: Path) -> None:
    weights, _ = torch.load(two / "single.0")
    expected, _ = _outcome(single, ALONE)
    # each of ten steps moves a weight by the rate at most, along a slope summed over a batch
    moved = 10 * PARAMS.training.learning_rate * rounding(8 * 600)
    for key in ("filters.weight", "norm.weight", "norm.bias", "norm.running_var", "out.weight"):
        torch.testing.assert_close(weights[key], expected[key], rtol=0.0, atol=moved)


def test_memory_that_is_too_small_is_told_in_one_sentence(two: Path) -> None:
    message = (two / "hungry.1").read_text()
    assert message.startswith("step 1: out of memory in process 1 (")
    assert "a larger training.accumulate expected" in message


def test_a_process_knows_its_place_from_the_variables_of_torchrun() -> None:
    assert described({"HOME": "/"}) == ALONE
    place = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert described(place) == World(5, 8, 1, 4)
    with pytest.raises(InputError, match=r"^RANK: a number expected .*'first'$"):
        described({**place, "RANK": "first"})


@pytest.mark.parametrize("batch_size,parts", [(1, 1), (8, 8), (5, 3)])
def test_every_process_needs_a_clip_of_every_part(batch_size: int, parts: int) -> None:
    state = TrainingState(batch_size=batch_size, micro_batch=-(-batch_size // parts))
    with pytest.raises(InputError, match=r"^training.batch_size: at least 2 clips .* found 1$"):
        check_shares(state, World(0, 2))
