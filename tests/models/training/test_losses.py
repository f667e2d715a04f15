from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from models.params.learning import ObjectiveParams
from models.params.training import TrainingParams
from models.training.losses import LOSSES, build_loss
from tests.tolerances import rounding

LOGITS = torch.tensor([[2.0, -1.0], [-0.5, 1.5], [1.0, 1.2], [-3.0, 0.5]])
LABELS = torch.tensor([0, 1, 1, 0])
REL = rounding(16)  # four clips, a few operations each


def loss_of(name: str, logits: torch.Tensor, labels: torch.Tensor, **settings: float) -> float:
    objective = ObjectiveParams(**settings)
    training = TrainingParams(loss=name, objective=objective, bonafide_weight=0.9)
    return build_loss(training)(logits, labels).item()


def test_cross_entropy_is_that_of_torch() -> None:
    expected = functional.cross_entropy(LOGITS, LABELS, weight=torch.tensor([0.1, 0.9]))
    assert loss_of("cross-entropy", LOGITS, LABELS) == pytest.approx(expected.item(), rel=REL)


@pytest.mark.parametrize("loss", LOSSES)
def test_bonafide_weight_weighs_bona_fide(loss: str) -> None:
    wrong_about_people = torch.tensor([[3.0, -3.0], [3.0, -3.0]])  # says spoof to both
    labels = torch.tensor([1, 0])
    losses = [
        build_loss(TrainingParams(loss=loss, bonafide_weight=weight))(wrong_about_people, labels)
        for weight in (0.1, 0.5, 0.9)
    ]
    assert losses[0] < losses[1] < losses[2]
    assert losses[0] + losses[2] == pytest.approx(2 * losses[1].item(), rel=REL)
    assert losses[2] > 7 * losses[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_pulls_the_score_towards_the_label(loss: str) -> None:
    logits = torch.tensor([[0.1, 0.0], [0.0, 0.1]], requires_grad=True)
    build_loss(TrainingParams(loss=loss))(logits, torch.tensor([1, 0])).backward()
    down = -logits.grad
    assert down[0, 1] > 0 > down[0, 0]
    assert down[1, 0] > 0 > down[1, 1]


@pytest.mark.parametrize("loss", LOSSES)
def test_parts_of_a_batch_add_up_to_its_loss(loss: str) -> None:
    whole = build_loss(TrainingParams(loss=loss))
    total = whole.weights(LABELS).sum()
    parts = sum(whole(LOGITS[k::2], LABELS[k::2], total) for k in range(2))
    assert parts.item() == pytest.approx(whole(LOGITS, LABELS).item(), rel=REL)


@pytest.mark.parametrize("loss", LOSSES)
def test_soft_labels_at_the_corners_are_labels(loss: str) -> None:
    soft = functional.one_hot(LABELS, 2).float()
    assert loss_of(loss, LOGITS, soft) == loss_of(loss, LOGITS, LABELS)


def test_focal_loss_minds_what_is_known_less_and_is_cross_entropy_at_gamma_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = loss_of("cross-entropy", LOGITS, LABELS)
    with monkeypatch.context() as patch:
        patch.setattr("models.training.losses.FOCAL_GAMMA", 0.0)
        assert loss_of("focal", LOGITS, LABELS) == pytest.approx(plain, rel=REL)
    sure, unsure = torch.tensor([[-2.0, 2.0]]), torch.tensor([[-0.2, 0.2]])
    right = torch.tensor([1])

    def ratio(name: str) -> float:
        return loss_of(name, sure, right) / loss_of(name, unsure, right)

    assert ratio("focal") < 0.01 * ratio("cross-entropy")


def test_smoothing_is_least_where_the_smoothed_label_is_and_keeps_the_weights() -> None:
    cm_scores = torch.linspace(-8, 8, 1601)
    for label in (0, 1):
        losses = [
            loss_of(
                "cross-entropy",
                torch.tensor([[0.0, score]]),
                torch.tensor([label]),
                label_smoothing=0.1,
            )
            for score in cm_scores
        ]
        best = torch.sigmoid(cm_scores[int(torch.tensor(losses).argmin())]).item()
        assert best == pytest.approx(0.05 + 0.9 * label, abs=0.002)  # with weights 0.1 and 0.9


def test_one_class_asks_more_of_bona_fide_than_of_spoofs() -> None:
    def loss(cm_score: float, label: int) -> float:
        return loss_of("one-class", torch.tensor([[0.0, cm_score]]), torch.tensor([label]))

    assert loss(20.0, 1) < 0.4  # beyond 0.9 of ±1
    assert loss(1.0, 1) > 5.0  # right, and yet not close enough
    assert loss(-1.0, 0) < 1e-3  # a spoof need only stay away
    assert loss(-1.0, 0) - loss(-20.0, 0) < 1e-3
    assert loss(20.0, 0) > 10.0
