from __future__ import annotations

import numpy as np
import pytest
import torch

from models.training.mixup import mixup

WAVEFORMS = torch.eye(6)
LABELS = torch.tensor([0, 1, 0, 1, 1, 0])


def test_a_mix_has_the_shares_of_the_classes_that_it_was_made_of() -> None:
    mixed, targets = mixup(WAVEFORMS, LABELS, 0.5, np.random.default_rng(1))
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(6))
    torch.testing.assert_close(targets[:, 1], mixed @ LABELS.float())  # row i: how much of clip j
    assert not torch.equal(mixed, WAVEFORMS)


def test_no_alpha_leaves_everything() -> None:
    mixed, targets = mixup(WAVEFORMS, LABELS, 0.0, np.random.default_rng(1))
    assert torch.equal(mixed, WAVEFORMS)
    assert targets[:, 1].tolist() == LABELS.tolist()


def test_a_larger_alpha_mixes_more_evenly() -> None:
    def evenness(alpha: float) -> float:
        rng = np.random.default_rng(2)
        return float(np.mean([mixup(WAVEFORMS, LABELS, alpha, rng)[0].amax() for _ in range(20)]))

    assert evenness(0.1) > 0.98
    assert evenness(10.0) < 0.9


def test_one_seed_mixes_one_way() -> None:
    first, again = (mixup(WAVEFORMS, LABELS, 1.0, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert first[1].sum(dim=1).tolist() == pytest.approx([1.0] * 6)
