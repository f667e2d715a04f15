"""Channels that go together, and a detector without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.compression.pruning import cut, importance, prune
from models.compression.ties import TIES, ties_of
from models.detectors import Detector, build_detector, cm_score
from models.errors import InputError
from models.packaging.checkpoint import load_detector, save_detector
from models.params.window import WindowParams
from tests.tolerances import assert_equal_but_for_rounding, in_float64

NARROW: dict[str, Any] = {
    "widths": [6, 6, 8, 8],
    "graph_dims": [8, 6],
    "sinc_filters": 12,
    "sinc_length": 33,
}
CLIPS = 0.1 * torch.randn(3, 8_000, generator=torch.Generator().manual_seed(2))


def heard(name: str = "aasist", **options: Any) -> Detector:
    """Fresh weights with statistics of some data."""
    torch.manual_seed(1)
    detector = build_detector(name, {**NARROW, **options}).train()
    detector(CLIPS)
    return detector.eval()


@pytest.mark.parametrize("name", TIES)
def test_every_weight_has_an_axis_for_each_of_its_dimensions(name: str) -> None:
    detector = heard(name)
    ties = ties_of(name, detector.options)
    for weight, value in detector.state_dict().items():
        if not weight.endswith("num_batches_tracked"):
            assert len(ties[weight]) == value.ndim, weight


@pytest.mark.parametrize("name", TIES)
@pytest.mark.parametrize("widths", [[6, 6, 8, 8], [6, 4, 8], [6]])
def test_channels_that_are_silent_can_be_cut_without_a_change(name: str, widths: list[int]) -> None:
    detector = heard(name, widths=widths)
    ties = ties_of(name, detector.options)
    counts = importance(detector.state_dict(), ties)
    second_halves = {
        axis: torch.arange(len(values))[len(values) // 2 :] for axis, values in counts.items()
    }
    with torch.inference_mode():
        before = detector.embed(CLIPS)
        for axis, values in counts.items():
            for key, value in detector.state_dict().items():
                places = _places(key, ties, axis, torch.arange(len(values) // 2), value)
                value.masked_fill_(places, 0.0)
    halves = {
        key: [-(-size // 2) for size in detector.options[key]] for key in ("widths", "graph_dims")
    }
    smaller = build_detector(name, {**detector.options, **halves})
    smaller.load_state_dict(cut(detector.state_dict(), ties, second_halves), strict=True)
    with torch.inference_mode():
        after, embedding = detector.embed(CLIPS), smaller.eval().embed(CLIPS)
        # the channels in the order of the readouts: four of one axis, one of another
        chosen = torch.arange(after.shape[1]).chunk(5)
        columns = torch.cat([part[len(part) // 2 :] for part in chosen])
        exact, logits = in_float64(detector).forward_both(CLIPS.double())
        assert_equal_but_for_rounding(embedding, after[:, columns], exact[:, columns])
        assert_equal_but_for_rounding(smaller(CLIPS), detector(CLIPS), logits)
        assert (before - after)[:, columns].abs().max() > 1e-3  # or the test would see nothing


def _places(
    key: str,
    ties: Any,
    axis: str,
    silent: torch.Tensor,
    value: torch.Tensor,
) -> torch.Tensor:
    """True where a weight belongs to a silent channel of an axis."""
    places = torch.zeros_like(value, dtype=torch.bool)
    for number, dimension in enumerate(ties.get(key, ())):
        axes = (dimension,) if isinstance(dimension, str) else dimension or ()
        size = value.shape[number] // max(len(axes), 1)
        for position, tied_axis in enumerate(axes):
            if tied_axis == axis:
                places.index_fill_(number, silent + position * size, True)
    return places


def test_what_is_left_is_a_detector_like_any_other(tmp_path: Path) -> None:
    pruned = prune(heard(), 0.5)
    assert pruned.options["widths"] == [3, 3, 4, 4]
    assert pruned.options["graph_dims"] == [4, 3]
    save_detector(pruned, tmp_path / "pruned", WindowParams(samples=8_000, hop=8_000))
    with torch.inference_mode():
        logits = load_detector(tmp_path / "pruned")(CLIPS)
        assert_equal_but_for_rounding(logits, pruned(CLIPS), in_float64(pruned)(CLIPS.double()))


def test_keeping_everything_changes_nothing() -> None:
    detector = heard()
    whole = prune(detector, 1.0).state_dict()
    for name, value in detector.state_dict().items():
        assert torch.equal(whole[name], value)


def test_the_channel_that_is_nearly_silent_goes_first() -> None:
    detector = heard()
    ties = ties_of("aasist", detector.options)
    with torch.no_grad():
        for key, value in detector.state_dict().items():
            places = _places(key, ties, "middle 2", torch.tensor([5]), value)
            value.copy_(torch.where(places, 1e-3 * value, value))
    expected = detector.state_dict()["encoder.2.0.conv1.weight"]
    weight = prune(detector, 7 / 8).state_dict()["encoder.2.0.conv1.weight"]
    assert weight.shape[0] == 7
    assert weight.abs().amax(dim=(1, 2, 3)).min() > expected[5].abs().max()


def test_scores_of_a_lightly_pruned_detector_stay_near() -> None:
    detector = heard(widths=[16, 16, 32, 32], graph_dims=[16, 16])
    with torch.inference_mode():
        before, after = cm_score(detector(CLIPS)), cm_score(prune(detector, 0.95)(CLIPS))
    assert torch.isfinite(after).all()
    assert (after - before).abs().max() < 1.0


def test_widths_that_differ_must_differ_when_cut() -> None:
    with pytest.raises(InputError, match=r"compression\.keep: widths that differ .* with 0\.1"):
        prune(heard(), 0.1)


def test_a_detector_without_ties_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="rawnet2: no detector that can be pruned; known: aasist"):
        ties_of("rawnet2", {})
