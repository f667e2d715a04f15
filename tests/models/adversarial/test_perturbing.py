from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.adversarial import ATTACKS_ON_DETECTORS, BLIND
from models.adversarial.perturbing import perturb
from models.errors import InputError
from tests.tolerances import decibels, rounding

AT_THE_EDGE = ("fgsm", "pgd", "apgd", "square")  # the others may stay inside the ball
LABELS = torch.tensor([0, 1, 0, 1, 1, 0])


@pytest.fixture
def waveforms() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return 0.2 * torch.randn((6, 800), generator=generator).clamp(-4, 4)


def attack(
    detector: nn.Module, waveforms: Tensor, name: str, *, snr_db: float = 20.0, steps: int = 5
) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return perturb(
        detector, waveforms, LABELS, attack=name, snr_db=snr_db, steps=steps, generator=generator
    )


def losses(detector: nn.Module, waveforms: Tensor) -> Tensor:
    detector.eval()
    with torch.no_grad():
        return functional.cross_entropy(detector(waveforms), LABELS, reduction="none")


def snr(clean: Tensor, attacked: Tensor) -> Tensor:
    return 20 * torch.log10(clean.norm(dim=1) / (attacked - clean).norm(dim=1))


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
@pytest.mark.parametrize("snr_db", [10.0, 40.0])
def test_the_perturbation_stays_below_the_asked_snr(
    name: str, snr_db: float, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    snrs = snr(waveforms, attack(tiny_detector(), waveforms, name, snr_db=snr_db))
    assert snrs.min() >= snr_db - decibels(rounding(800))
    if name in AT_THE_EDGE:
        assert snrs.min() <= snr_db + 0.5  # and is as loud as it may be


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
def test_the_loss_of_every_clip_goes_up(
    name: str, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector = tiny_detector()
    attacked = attack(detector, waveforms, name)
    assert (losses(detector, attacked) > losses(detector, waveforms)).all()


@pytest.mark.parametrize("name", [n for n in ATTACKS_ON_DETECTORS if n not in BLIND])
def test_a_detector_that_is_quite_sure_is_attacked_all_the_same(
    name: str, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector = tiny_detector().eval()
    with torch.no_grad():
        detector.out.bias.copy_(torch.tensor([0.0, 1e4]))  # softmax is 0 and 1 in float32
    attacked = attack(detector, waveforms, name)
    wrong = torch.where(LABELS == 1, -1, 1) * (detector(attacked) - detector(waveforms))[:, 1]
    assert (attacked != waveforms).any(dim=1).all()
    assert wrong.mean() > 0


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
def test_one_seed_gives_one_perturbation(
    name: str, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector = tiny_detector()
    assert torch.equal(attack(detector, waveforms, name), attack(detector, waveforms, name))


def test_more_steps_are_not_weaker(
    waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector = tiny_detector()
    by_steps = [
        losses(detector, attack(detector, waveforms, "pgd", steps=n)).mean() for n in (1, 5, 20)
    ]
    assert by_steps[0] <= by_steps[1] + 1e-4
    assert by_steps[1] <= by_steps[2] + 1e-4
    fgsm = losses(detector, attack(detector, waveforms, "fgsm")).mean()
    assert by_steps[2] > fgsm


@pytest.mark.parametrize("name", BLIND)
def test_a_blind_attack_needs_no_gradient(
    name: str, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector = tiny_detector()

    class Remote(nn.Module):
        def forward(self, waveforms: Tensor) -> Tensor:
            with torch.no_grad():
                return detector.eval()(waveforms)

    attacked = attack(Remote(), waveforms, name)
    assert (losses(detector, attacked) > losses(detector, waveforms)).all()
    with pytest.raises(RuntimeError, match="does not require grad"):
        attack(Remote(), waveforms, "pgd")


@pytest.mark.parametrize("name", BLIND)
def test_a_blind_attack_asks_no_more_often_than_allowed(
    name: str, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector, batches = tiny_detector(), []
    detector.register_forward_hook(lambda *_: batches.append(1))
    generator = torch.Generator().manual_seed(1)
    perturb(
        detector, waveforms, LABELS, attack=name, snr_db=20, steps=5, generator=generator,
        queries=40,
    )  # fmt: skip
    assert 30 <= len(batches) <= 40


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
def test_the_detector_is_left_as_it_was(
    name: str, waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    detector = tiny_detector().train()
    detector.norm.eval()  # somebody froze it on purpose
    detector.filters.weight.requires_grad_(False)
    detector(waveforms).sum().backward()
    gradients = {n: p.grad.clone() for n, p in detector.named_parameters() if p.grad is not None}
    state = {name: value.clone() for name, value in detector.state_dict().items()}
    before = waveforms.clone()
    attack(detector, waveforms, name)
    assert torch.equal(waveforms, before)
    assert all(torch.equal(state[n], value) for n, value in detector.state_dict().items())
    for parameter, value in detector.named_parameters():
        assert value.requires_grad is (parameter != "filters.weight")
        if parameter in gradients:
            assert torch.equal(value.grad, gradients[parameter])
    assert detector.training
    assert not detector.norm.training


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
def test_full_scale_and_silent_clips_stay_audio(
    name: str, tiny_detector: Callable[[], nn.Module]
) -> None:
    clips = torch.ones(6, 800)
    clips[:3] = 0.0
    attacked = attack(tiny_detector(), clips, name, snr_db=5.0)
    assert attacked.abs().max() <= 1.0
    assert not attacked[:3].any()  # nothing is 5 dB below nothing


def test_an_unknown_attack_is_refused_by_name(
    waveforms: Tensor, tiny_detector: Callable[[], nn.Module]
) -> None:
    with pytest.raises(InputError, match=r"'cw'; known: fgsm, .*pgd"):
        attack(tiny_detector(), waveforms, "cw")
