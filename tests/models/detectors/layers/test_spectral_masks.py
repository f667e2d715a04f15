"""What is hidden of a feature, and when."""

from __future__ import annotations

import torch
from torch import Tensor

from models.detectors.layers.spectral_masks import MASKS, SpectralMasks


def hidden(rows: int, share: float, shape: tuple[int, int, int] = (200, 20, 50)) -> Tensor:
    torch.manual_seed(5)
    return SpectralMasks(rows, share).train()(torch.ones(shape)) == 0


def stretches(places: Tensor) -> int:
    """How many runs of True."""
    return int((places.int().diff(prepend=torch.zeros(1, dtype=torch.int)) == 1).sum())


def test_nothing_is_hidden_outside_of_training_or_where_nothing_is_asked_for() -> None:
    feature = torch.randn(3, 20, 50)
    assert torch.equal(SpectralMasks(8, 0.2).eval()(feature), feature)
    assert torch.equal(SpectralMasks(0, 0.0).train()(feature), feature)


def test_whole_rows_are_hidden_in_at_most_two_stretches_no_wider_than_asked_for() -> None:
    masks = hidden(rows=6, share=0.0)
    rows = masks.all(dim=2)
    assert torch.equal(masks.any(dim=2), rows)
    assert max(int(row.sum()) for row in rows) <= MASKS * 6
    assert {stretches(row) for row in rows} == {0, 1, 2}
    assert rows.any(dim=0).all()  # no row is always heard


def test_whole_frames_are_hidden_up_to_a_share_of_them() -> None:
    masks = hidden(rows=0, share=0.1)
    frames = masks.all(dim=1)
    assert torch.equal(masks.any(dim=1), frames)
    assert max(int(frame.sum()) for frame in frames) == MASKS * 5
    assert frames.any(dim=0).all()


def test_each_clip_has_masks_of_its_own() -> None:
    masks = hidden(rows=6, share=0.2)
    assert torch.unique(masks.flatten(1), dim=0).shape[0] > 190


def test_no_mask_reaches_beyond_the_feature() -> None:
    assert hidden(rows=20, share=1.0).any(dim=(1, 2)).float().mean() > 0.9
