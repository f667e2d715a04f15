from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from models.adversarial.attacked_clips import spread
from models.adversarial.hardening import harden
from models.adversarial.robustness import attacked_scores
from models.adversarial.trades import Pairs, TradesLoss
from models.data.clips import Clips
from models.params.adversarial import AdversarialParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.losses import build_loss
from models.training.scoring import score_clips
from models.training.state import weights_hash
from models.training.train import train
from tests.tolerances import rounding

pytestmark = pytest.mark.slow

CLEAN = build_loss(TrainingParams(bonafide_weight=0.5))
LOGITS = torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 0.0], [0.5, 0.0]])
LABELS = torch.tensor([0, 1, 0, 1])
REL = rounding(16)  # four clips, a few operations each


def test_agreement_costs_nothing_and_disagreement_its_divergence() -> None:
    loss, clean = TradesLoss.around(CLEAN, beta=6.0), float(CLEAN(LOGITS, LABELS))
    assert loss(torch.cat([LOGITS, LOGITS]), LABELS) == pytest.approx(clean, rel=REL)
    flipped = LOGITS.flip(1)
    p, q = LOGITS.softmax(1), flipped.softmax(1)
    divergence = (p * (p / q).log()).sum(dim=1).mean()
    expected = clean + 6.0 * float(divergence)
    assert loss(torch.cat([LOGITS, flipped]), LABELS) == pytest.approx(expected, rel=REL)


def test_twins_stand_behind_the_batch_and_take_both_classes() -> None:
    assert spread(24, 12).tolist() == list(range(0, 24, 2))
    assert len(spread(7, 0)) == 0
    loss, clean = TradesLoss.around(CLEAN, beta=1.0), float(CLEAN(LOGITS, LABELS))
    twins = LOGITS[spread(4, 2)]
    assert loss(torch.cat([LOGITS, twins]), LABELS) == pytest.approx(clean, rel=REL)


def test_pairs_keep_the_clean_clips_as_they_are(tiny_detector: Callable[[], nn.Module]) -> None:
    waveforms = 0.1 * torch.randn(8, 700, generator=torch.Generator().manual_seed(1))
    out = Pairs("fgsm", 20.0, 1, 0.5, 6.0)(
        tiny_detector(), waveforms, torch.tensor([0, 1] * 4), torch.Generator().manual_seed(2)
    )
    assert torch.equal(out[:8], waveforms)
    assert len(out) == 12
    assert (out[8:] != waveforms[spread(8, 4)]).any(dim=1).all()


@pytest.mark.parametrize("attack", ["pgd", "fgsm-rs"])
def test_attacks_move_the_scores_of_a_detector_hardened_by_agreement_less(
    attack: str,
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    training = replace(tiny_params.training, bonafide_weight=0.5, epochs=6, steps_per_epoch=10)

    def shift(beta: float, seed: int) -> float:
        """How far an attack moves scores, in their standard deviations."""
        detector = tiny_detector()
        hardening = AdversarialParams(
            epochs=4, attack=attack, snr_db=30.0, share=1.0, learning_rate=0.01,
            trades_beta=beta,
        )  # fmt: skip
        drawn = replace(training, seed=seed)
        params = replace(tiny_params, training=drawn, adversarial=hardening)
        train(detector, train_clips, dev_clips, params)
        harden(detector, train_clips, dev_clips, params)
        scores = attacked_scores(detector, dev_clips, params.window, "pgd", 30.0, 99, seed=1)
        clean = score_clips(detector, dev_clips, params.window).cm_scores
        return float(abs(scores.cm_scores - clean).mean() / clean.std())

    # one seed of a tiny detector may show the opposite; 1e-6: the same clips, without agreement
    with_agreement, without = (sum(shift(beta, seed) for seed in range(3)) for beta in (6.0, 1e-6))
    assert with_agreement < without - 0.01


def test_the_weight_of_agreement_changes_the_training(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    hashes = []
    for beta in (0.0, 1.0, 1.0, 6.0):
        detector = tiny_detector()
        hardening = AdversarialParams(epochs=1, attack="fgsm", learning_rate=0.01, trades_beta=beta)
        harden(detector, train_clips, dev_clips, replace(tiny_params, adversarial=hardening))
        hashes.append(weights_hash(detector.state_dict()))
    assert hashes[1] == hashes[2]
    assert len(set(hashes)) == 3
