from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.detectors import build_detector
from models.errors import InputError
from models.params.tree import Params
from models.training.batch_size import find_batch_size, fitting, is_out_of_memory
from models.training.state import weights_hash
from models.training.train import Execution, TrainingResult, train
from tests.tolerances import rounding

pytestmark = pytest.mark.usefixtures("one_thread")
PIB = 2**50


class Hungry(nn.Module):
    """A detector that asks for a thousand tebibytes where it is given more clips than it likes."""

    def __init__(self, detector: nn.Module, most: int) -> None:
        super().__init__()
        self.detector, self.most = detector, most

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        if self.training and len(waveforms) > self.most:
            torch.empty(PIB, dtype=torch.uint8)
        return self.detector(waveforms)


def with_training(params: Params, **changes: object) -> Params:
    return replace(params, training=replace(params.training, **changes))


def test_real_allocations_that_are_too_large_are_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(PIB, dtype=torch.uint8)
    with pytest.raises(MemoryError) as numpys:
        np.empty(PIB, dtype=np.uint8)
    with pytest.raises(RuntimeError) as shapes:
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    assert is_out_of_memory(torchs.value)
    assert is_out_of_memory(numpys.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(shapes.value)


def test_training_goes_on_in_halves_where_memory_is_short(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def run(most: int, **changes: object) -> tuple[TrainingResult, str]:
        detector = Hungry(tiny_detector(), most)
        result = train(detector, train_clips, dev_clips, with_training(tiny_params, **changes))
        return result, weights_hash(detector.state_dict())

    with caplog.at_level(logging.WARNING):
        halved = run(most=3)  # 8 clips, then 4, then 2
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 2
    assert warnings[0].startswith("step 1: out of memory (")
    assert warnings[1].endswith("from now on 2 clips at once, batches as before")
    assert halved == run(most=8, accumulate=4)  # bit for bit, as if it had been asked for


def test_not_even_one_clip_is_an_error_in_one_sentence(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    with pytest.raises(InputError, match=r"^step 1: no memory for one clip of 600 samples$"):
        train(Hungry(tiny_detector(), 0), train_clips, dev_clips, tiny_params)


def test_the_size_that_fits_is_kept_after_a_kill(
    tmp_path: Path, tiny_detector: Callable[[], nn.Module], train_clips: Clips,
    dev_clips: Clips, tiny_params: Params, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    place = tmp_path / "train.pt"

    def run(most: int, until: int | None = None) -> nn.Module:
        def stop(epoch: object) -> None:
            if epoch.epoch == until:
                raise KeyboardInterrupt

        detector = Hungry(tiny_detector(), most)
        train(
            detector,
            train_clips,
            dev_clips,
            tiny_params,
            run=Execution(checkpoint=place, checkpoint_every_s=0.0, on_epoch=stop),
        )
        return detector

    with pytest.raises(KeyboardInterrupt):
        run(most=4, until=2)
    caplog.clear()
    resumed = run(most=4)
    assert "out of memory" not in caplog.text
    place.unlink()
    assert weights_hash(resumed.state_dict()) == weights_hash(run(most=4).state_dict())


class WithoutNorm(nn.Module):
    """Nothing in it looks at other clips of the batch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.filters, self.out = nn.Conv1d(1, 6, 17, stride=4), nn.Linear(6, 2)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        return self.out(self.filters(waveforms[:, None]).abs().mean(dim=2))


@pytest.mark.parametrize("loss", ["cross-entropy", "bce", "focal", "one-class"])
def test_parts_have_the_gradient_of_the_whole_batch(
    loss: str, train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    results = []
    for parts in (1, 3, 8):
        detector = WithoutNorm()
        params = with_training(tiny_params, loss=loss, accumulate=parts, bonafide_weight=0.9)
        train(detector, train_clips, dev_clips, params)
        results.append(detector.state_dict())
    for other in results[1:]:
        for name, value in results[0].items():
            # a step moves a weight by the rate at most, along a slope summed over a batch
            moved = 15 * tiny_params.training.learning_rate * rounding(8 * 600)
            torch.testing.assert_close(other[name], value, rtol=0, atol=moved)


def test_what_fits_is_reckoned_from_two_steps() -> None:
    assert fitting(small=500, large=900, budget=2_000, most=99) == 17  # 300 once, 100 each
    assert fitting(small=500, large=900, budget=2_000, most=9) == 9
    assert fitting(small=500, large=900, budget=10, most=9) == 1
    assert fitting(small=0, large=0, budget=10, most=9) == 9  # too little to be seen


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc")
def test_a_found_size_is_larger_for_shorter_clips_and_leaves_the_detector_as_it_was() -> None:
    torch.manual_seed(1)
    detector = build_detector("aasist", {"sinc_filters": 24, "widths": [8], "graph_dims": [8, 8]})
    before = weights_hash(detector.state_dict())
    cpu = torch.device("cpu")
    short, long = (find_batch_size(detector, n, cpu, False, 10**9) for n in (16_000, 48_000))
    assert 1 < long < short < 50 * long
    assert weights_hash(detector.state_dict()) == before


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc")
def test_training_finds_its_batch_size_where_none_is_given(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips, dev_clips: Clips,
    tiny_params: Params,
) -> None:  # fmt: skip
    params = with_training(tiny_params, batch_size=0, steps_per_epoch=0, accumulate=2, epochs=1)
    result = train(tiny_detector(), train_clips, dev_clips, params)
    assert result.history[0].step == 1  # 24 clips fit at once
