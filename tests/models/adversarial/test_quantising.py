from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.adversarial import ATTACKS_ON_DETECTORS
from models.adversarial.perturbing import perturb
from models.adversarial.quantising import quantised
from tests.tolerances import decibels, rounding

FULL_SCALE = 32_768


def speech(level: float) -> Tensor:
    """Noise (4, 2000) as a 16-bit file holds it."""
    drawn = level * torch.randn((4, 2000), generator=torch.Generator().manual_seed(5))
    return (drawn.clamp(-1, 1) * FULL_SCALE).round().clamp(max=FULL_SCALE - 1) / FULL_SCALE


def snr(clean: Tensor, attacked: Tensor) -> Tensor:
    return 20 * torch.log10(clean.double().norm(dim=1) / (attacked - clean).double().norm(dim=1))


@pytest.mark.parametrize(
    ("name", "level", "snr_db"),
    [(name, 0.02, 40.0) for name in ATTACKS_ON_DETECTORS]
    + [("pgd", level, snr_db) for level, snr_db in ((0.1, 20.0), (0.01, 47.0), (2.0, 3.0))],
)
def test_what_was_attacked_is_16_bit_audio_and_never_louder_than_asked(
    name: str, level: float, snr_db: float, trained_detector: nn.Module
) -> None:
    clean = speech(level)
    generator = torch.Generator().manual_seed(1)
    attacked = perturb(
        trained_detector, clean, torch.tensor([0, 1, 0, 1]), attack=name, snr_db=snr_db, steps=5,
        generator=generator,
    )  # fmt: skip
    rounded = quantised(attacked, clean, snr_db)
    steps = rounded * FULL_SCALE
    assert torch.equal(steps, steps.round())
    assert steps.min() >= -FULL_SCALE
    assert steps.max() <= FULL_SCALE - 1
    changed = (rounded != clean).any(dim=1)  # nes finds nothing where scores stay
    assert (snr(clean, rounded)[changed] >= snr_db - decibels(rounding(2_000))).all()


def test_rounding_keeps_nearly_all_of_a_perturbation() -> None:
    clean = speech(0.1)
    direction = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    scale = clean.norm(dim=1, keepdim=True) / direction.norm(dim=1, keepdim=True)
    rounded = quantised(clean + direction * scale * 10 ** (-40 / 20), clean, 40.0)
    assert snr(clean, rounded).max() < 40.2


def test_what_is_below_half_a_step_does_not_survive() -> None:
    clean = speech(0.1)
    assert torch.equal(quantised(clean + 0.4 / FULL_SCALE, clean, 20.0), clean)


def test_clean_audio_comes_back_as_it_was() -> None:
    assert torch.equal(quantised(speech(0.3), speech(0.3), 40.0), speech(0.3))
    assert torch.equal(quantised(torch.zeros(1, 9), torch.zeros(1, 9), 40.0), torch.zeros(1, 9))
