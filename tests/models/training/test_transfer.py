from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from models.data.clips import Clips
from models.detectors import DETECTORS, build_detector
from models.errors import InputError
from models.params.learning import TransferParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.train import EpochResult, Execution, train
from models.training.transfer import Front, build_optimiser, set_rate

NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}


def narrow() -> nn.Module:
    torch.manual_seed(3)
    return build_detector("aasist", NARROW)


def heard(params: Params, **transfer: object) -> Params:
    training = replace(
        params.training, crop_samples=8_000, batch_size=4, epochs=2, steps_per_epoch=2,
        transfer=TransferParams(**transfer),
    )  # fmt: skip
    return replace(params, training=training, window=replace(params.window, samples=8_000))


@pytest.mark.parametrize("name", DETECTORS)
def test_every_weight_of_a_detector_is_in_one_block(name: str) -> None:
    large = name in ("ssl-aasist", "light-darts")
    with torch.device("meta" if large else "cpu"):  # meta: shapes without memory
        detector = build_detector(name)
    blocks = [entry for block in detector.depth_groups() for entry in block]
    for weight, _ in detector.named_parameters():
        homes = [at for at in blocks if at in ("", weight) or weight.startswith(f"{at}.")]
        assert len(homes) == 1, weight
    places = {name for name, _ in detector.named_modules()} | dict(
        detector.named_parameters()
    ).keys()
    assert set(blocks) <= places


@pytest.mark.usefixtures("one_thread")
def test_a_frozen_front_stays_as_it_is_and_then_learns(
    train_clips: Clips, dev_clips: Clips, tiny_params: Params
) -> None:
    detector = narrow()
    states = [{k: v.clone() for k, v in detector.state_dict().items()}]

    def record(_: EpochResult) -> None:
        states.append({k: v.clone() for k, v in detector.state_dict().items()})

    params = heard(tiny_params, frozen_epochs=1, frozen_groups=3)
    train(detector, train_clips, dev_clips, params, run=Execution(on_epoch=record))
    front = ("conv_time", "first_bn", "encoder.0.", "encoder.1.")
    dead = ".bn1."  # never called, so it never changes

    def changed(before: dict, after: dict) -> set[str]:
        return {k for k in before if not torch.equal(before[k], after[k]) and dead not in k}

    of_front = {name for name in states[0] if name.startswith(front) and dead not in name}
    first, second = changed(*states[:2]), changed(*states[1:])
    assert not first & of_front  # weights and statistics alike
    assert "encoder.2.0.bn2.running_mean" in first
    assert "out_layer.weight" in first
    assert of_front <= second
    assert all(weight.requires_grad for weight in detector.parameters())


def test_the_front_gives_its_batch_norm_no_new_statistics() -> None:
    detector = narrow().train()
    front = Front.of(
        detector, TrainingParams(transfer=TransferParams(frozen_epochs=2, frozen_groups=1))
    )
    front.hold(1)
    assert not detector.first_bn.training
    assert not detector.first_bn.weight.requires_grad
    assert detector.encoder.training
    front.hold(2)
    assert detector.first_bn.training
    assert detector.first_bn.weight.requires_grad


def test_rates_shrink_from_the_head_to_the_front() -> None:
    detector = narrow()
    optimiser = build_optimiser(detector, TrainingParams(transfer=TransferParams(rate_decay=0.5)))
    set_rate(optimiser, 0.8)
    rates = {
        id(weight): group["lr"] for group in optimiser.param_groups for weight in group["params"]
    }
    assert rates[id(detector.out_layer.weight)] == 0.8
    assert rates[id(detector.master1)] == 0.4
    assert rates[id(detector.encoder[5][0].conv1.weight)] == pytest.approx(0.8 / 2**3)
    assert rates[id(detector.first_bn.weight)] == pytest.approx(0.8 / 2**9)
    assert len(rates) == len(list(detector.parameters()))


def test_a_detector_has_its_own_shares_of_the_rate_besides() -> None:
    sizes = {"mels": 8, "width": 16, "heads": 2, "blocks": 2}
    detector = build_detector("whisper", {"sizes": sizes, "layers": [0, 2], "front_rate": 0.125})
    for decay, above in ((1.0, 1.0), (0.5, 0.5**2)):  # two blocks lie above the front's last one
        training = TrainingParams(transfer=TransferParams(rate_decay=decay))
        optimiser = build_optimiser(detector, training)
        set_rate(optimiser, 0.8)
        rates = {
            id(weight): group["lr"]
            for group in optimiser.param_groups
            for weight in group["params"]
        }
        assert rates[id(detector.out_layer.weight)] == 0.8
        last = detector.get_parameter("front.encoder.blocks.1.mlp.0.weight")
        assert rates[id(last)] == pytest.approx(0.8 * above * 0.125)
        assert len(rates) == len(list(detector.parameters()))


def test_a_front_that_leaves_nothing_to_learn_is_refused() -> None:
    training = TrainingParams(transfer=TransferParams(frozen_epochs=1, frozen_groups=10))
    with pytest.raises(InputError, match=r"frozen_groups: fewer than the 10 blocks .* found 10"):
        Front.of(narrow(), training)
