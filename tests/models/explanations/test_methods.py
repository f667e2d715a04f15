"""Each method on detectors whose reasons are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.detectors import Detector, build_detector
from models.explanations import EXPLANATIONS
from models.explanations.explanation import InapplicableError, Map
from models.explanations.grad_cam import grad_cam
from models.explanations.integrated_gradients import integrated_gradients
from models.explanations.node_attention import node_attention
from models.explanations.occlusion import occlusion
from models.explanations.smoothgrad import smoothgrad
from models.explanations.stretch import ScoredStretch
from models.explanations.time_frequency import (
    folded,
    from_points,
    summed,
    taken_apart,
    to_points,
)
from tests.tolerances import rounding

NARROW = {"widths": [4, 4, 8, 8], "graph_dims": [8, 8], "sinc_filters": 24, "sinc_length": 33}
StretchOf = Callable[..., ScoredStretch]
BY_SOUND = ["integrated-gradients", "smoothgrad", "occlusion"]


def reddest_place(heatmap: Map) -> tuple[float, float]:
    """The middle of the reddest cell, in Hz and seconds."""
    band, time = np.unravel_index(np.argmax(heatmap.values), heatmap.values.shape)
    hertz, seconds = heatmap.edges_hz[band : band + 2], heatmap.edges_s[time : time + 2]
    return float(hertz.mean()), float(seconds.mean())


@pytest.mark.parametrize("method", BY_SOUND)
def test_what_the_detector_listens_to_is_reddest(
    method: str, known_reason: Detector, stretch_of: StretchOf
) -> None:
    heatmap = EXPLANATIONS[method](stretch_of(known_reason))
    assert isinstance(heatmap, Map)
    hertz, seconds = reddest_place(heatmap)
    assert 2_250 <= hertz <= 3_250
    assert 0.3 <= seconds <= 0.5
    assert heatmap.values.shape == (len(heatmap.edges_hz) - 1, len(heatmap.edges_s) - 1)


@pytest.mark.parametrize("method", BY_SOUND)
def test_what_speaks_for_bona_fide_is_below_zero(
    method: str, known_reason: Detector, stretch_of: StretchOf
) -> None:
    before = EXPLANATIONS[method](stretch_of(known_reason))

    class Reversed(type(known_reason)):  # type: ignore[misc]
        def analyse(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            embedding, logits = super().analyse(waveforms)
            return embedding, logits.flip(1)

    after = EXPLANATIONS[method](stretch_of(Reversed().eval()))
    assert isinstance(before, Map)
    assert isinstance(after, Map)
    np.testing.assert_allclose(after.values, -before.values, atol=1e-4 * before.values.max())


def test_integrated_gradients_add_up_to_the_score_less_that_of_silence(
    known_reason: Detector, stretch_of: StretchOf
) -> None:
    stretch = stretch_of(known_reason)
    heatmap = integrated_gradients(stretch)
    evidence = float(stretch.ask(stretch.waveform[None]))
    assert heatmap.figures["silence"] == pytest.approx(0.0, abs=1e-6)
    assert heatmap.values.sum() == pytest.approx(evidence, rel=1e-3)
    assert heatmap.arrays["samples"].sum() == pytest.approx(evidence, rel=1e-3)
    assert abs(heatmap.figures["gap"]) < 1e-3 * evidence


def test_every_component_of_a_waveform_has_its_part_of_the_sum() -> None:
    generator = torch.Generator().manual_seed(5)
    waveform, gradient = (torch.randn(9_000, generator=generator) for _ in range(2))
    torch.testing.assert_close(
        from_points(to_points(waveform[None]), 9_000)[0],
        waveform,
        rtol=0,
        atol=rounding(2 * 9, float(waveform.abs().max())),  # there and back, in 9 stages of 512
    )
    parts = taken_apart(waveform, gradient)
    rounded = rounding(9_000, float((waveform * gradient).norm()) / 9_000**0.5 * 9)
    assert float(parts.sum()) == pytest.approx(float(waveform @ gradient), abs=rounded)
    assert summed(parts.numpy(), 9_000).shape == (64, 18)


def test_a_repeated_stretch_answers_for_all_of_its_repetitions(
    known_reason: Detector, stretch_of: StretchOf
) -> None:
    stretch = stretch_of(known_reason, samples=48_000)
    heatmap = integrated_gradients(stretch)
    assert heatmap.edges_s[-1] == 1.0
    assert heatmap.values.sum() == pytest.approx(
        float(stretch.ask(stretch.waveform[None])), rel=1e-3
    )


def test_columns_of_a_map_fold_onto_the_stretch_that_was_repeated() -> None:
    columns = np.array([[0.0, 1.0, 0.0, 1.0]])  # the second half of each of two repetitions
    cells = folded(columns, first=1_024, hop=2_048, samples=4_096, window=8_192)
    assert cells.shape == (1, 8)
    assert cells[0, 6] > 0.9
    assert cells[0, 2] < 0.1


def test_smoothgrad_is_the_same_for_the_same_seed(
    with_map: Detector, stretch_of: StretchOf
) -> None:
    first, second = (smoothgrad(stretch_of(with_map)) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)


def test_occlusion_tells_whole_bands_and_times_too(
    known_reason: Detector, stretch_of: StretchOf
) -> None:
    heatmap = occlusion(stretch_of(known_reason))
    assert heatmap.over_hz is not None
    assert heatmap.over_s is not None
    assert np.argmax(heatmap.over_hz) == 5  # 2.25 to 3.25 kHz
    assert 0.25 <= heatmap.edges_s[np.argmax(heatmap.over_s)] <= 0.5


def test_grad_cam_weighs_channels_by_their_mean_gradient(
    with_map: Detector, stretch_of: StretchOf
) -> None:
    heatmap = grad_cam(stretch_of(with_map))
    assert heatmap.values.shape == (8, 32)
    stretch = stretch_of(with_map)
    maps = with_map.get_submodule("maps")(
        with_map.get_submodule("bands")(10 * stretch.waveform[None, None]).abs()[:, None]
    )
    out = with_map.get_submodule("out").weight
    weights = (out[0] - out[1]) / maps[0, 0].numel()  # of the mean that the detector takes
    expected = torch.einsum("c,crt->rt", weights, maps[0]).detach()
    rounded = rounding(6 * 9 + 6, float(expected.abs().max()))
    np.testing.assert_allclose(heatmap.arrays["columns"], expected, rtol=0, atol=rounded)


def test_aasist_is_explained_by_everything_that_looks_inside() -> None:
    torch.manual_seed(2)
    detector = build_detector("aasist", NARROW).eval()
    waveform = 0.1 * torch.randn(12_000, generator=torch.Generator().manual_seed(3))
    stretch = ScoredStretch(detector, waveform, 16_000)
    cam, attended = grad_cam(stretch), node_attention(stretch)
    for heatmap in (cam, attended):
        assert heatmap.values.shape == (8, 24)
        assert heatmap.edges_hz[0] == 0
        assert heatmap.edges_hz[-1] == pytest.approx(8_000)
        assert np.ptp(heatmap.values) > 0
    spectral = attended.arrays["spectral"]
    assert spectral.mean() == pytest.approx(1.0, abs=rounding(64))
    assert np.count_nonzero(spectral) == 4  # its pool keeps half of eight bands


def test_what_a_detector_lacks_is_said_in_a_sentence(
    known_reason: Detector, without_gradient: Detector, stretch_of: StretchOf
) -> None:
    with pytest.raises(InapplicableError, match=r"^known-reason: it names no 2-D map"):
        grad_cam(stretch_of(known_reason))
    with pytest.raises(InapplicableError, match=r"^known-reason: it has no two graphs"):
        node_attention(stretch_of(known_reason))
    for method in (integrated_gradients, smoothgrad):
        with pytest.raises(InapplicableError, match=r"^without-gradient: no gradient leads"):
            method(stretch_of(without_gradient))
    assert np.isfinite(occlusion(stretch_of(without_gradient)).values).all()
