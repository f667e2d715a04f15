"""Parameters and multiply-accumulates, against sums done by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.detectors import build_detector
from models.detectors.complexity import complexity

STEPS, WIDTH, UNITS = 20, 8, 6


class Everything(nn.Module):
    """What detectors are made of: a convolution, attention, both recurrences and a linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv1d(1, WIDTH, 400, stride=400)
        self.attention = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)
        self.gru = nn.GRU(WIDTH, UNITS, batch_first=True)
        self.lstm = nn.LSTM(UNITS, UNITS, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * UNITS, 2)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        steps = self.attention(self.filters(waveforms[:, None]).transpose(1, 2))
        return self.out(self.lstm(self.gru(steps)[0])[0][:, -1])


def test_every_product_of_matrices_is_counted_once_however_torch_fuses_it() -> None:
    detector = Everything()
    detector.filters.weight.requires_grad_(False)
    counted = complexity(detector, 400 * STEPS)
    projections = STEPS * (4 * WIDTH**2 + 2 * WIDTH * 16)  # queries, keys, values, out; dense
    assert counted.macs == (
        STEPS * WIDTH * 400
        + projections
        + 2 * STEPS**2 * WIDTH  # scores and sums of attention
        + STEPS * 3 * UNITS * (WIDTH + UNITS)
        + 2 * STEPS * 4 * UNITS * (UNITS + UNITS)
        + 2 * UNITS * 2
    )
    assert counted.parameters - counted.trainable == 400 * WIDTH
    assert counted.parameters == sum(weight.numel() for weight in detector.parameters())


def test_looking_at_a_detector_leaves_it_and_torch_as_they_were() -> None:
    detector = Everything().train()
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    complexity(detector, 400 * STEPS)
    assert detector.training
    assert all(weight.grad is None for weight in detector.parameters())
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mkldnn.enabled


@pytest.mark.parametrize(
    ("name", "giga_macs"),
    [("aasist", 9.562), ("aasist-l", 6.603), ("rawgat-st", 18.427), ("rawnet2", 2.091)],
)
def test_a_window_of_four_seconds_costs_what_it_is_known_to(name: str, giga_macs: float) -> None:
    detector = build_detector(name).to("meta")  # shapes alone are computed there
    counted = complexity(detector, 64_600).macs / 1e9
    assert counted == pytest.approx(giga_macs, abs=1e-3)


def test_work_grows_with_the_window_and_parameters_do_not() -> None:
    detector = build_detector("aasist", {"sinc_filters": 24, "widths": [4], "graph_dims": [8, 8]})
    short, long = complexity(detector, 8_000), complexity(detector, 32_000)
    assert 3.5 < long.macs / short.macs < 4.5
    assert short.parameters == long.parameters == short.trainable
