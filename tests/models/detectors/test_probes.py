"""Linear probes of several fronts: each fitted alone, one linear layer in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.detectors import build_detector
from models.detectors.campplus.network import Campplus
from models.detectors.first_weights import new_detector
from models.detectors.fitted import Examples
from models.detectors.probes import Probes
from models.detectors.regression import fitted_line
from models.errors import InputError
from models.params.detector import DetectorParams
from models.params.training import TrainingParams
from models.params.tree import Params
from tests.fronts import fetched_front

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"mels": 8, "width": 16, "heads": 2, "blocks": 2}


def probes(**options: Any) -> Probes:
    torch.manual_seed(1)
    detector = build_detector("probes", {"sizes": SMALL, **options})
    assert isinstance(detector, Probes)
    return detector.eval()


def noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(3))


def test_each_layer_each_block_and_the_spectrum_is_a_probe() -> None:
    detector = probes(layers=[1, 2], blocks=[0, 2])
    assert detector.probes == [32, 32, 640, 2_048, 1_027]
    assert detector.embed(noise(9_000)).shape == (2, sum(detector.probes))
    assert probes(layers=[], blocks=[1], spectrum=False).probes == [1_024]
    assert probes(layers=[0], blocks=[], spectrum=True).probes == [32, 1_027]


@pytest.mark.parametrize("samples", [8_000, 8_079, 8_080, 8_159, 8_160, 8_239, 8_240])
def test_both_fronts_step_together_whatever_the_length(samples: int) -> None:
    detector = probes()
    features = detector.features(noise(samples))
    assert detector.speaker is not None
    expected = detector.speaker.parts(detector.banks(noise(samples)))[1].mean(dim=2)
    start = sum(detector.probes[:3])
    torch.testing.assert_close(features[:, start : start + 512], expected)


def test_a_probe_does_not_change_with_what_stands_beside_it() -> None:
    both, alone = probes(layers=[1], blocks=[1]), probes(layers=[1], blocks=[], spectrum=False)
    assert both.whisper is not None
    assert alone.whisper is not None
    alone.whisper.load_state_dict(both.whisper.state_dict())
    waveforms = noise(8_000)  # both fronts have 24 steps, or Whisper 25
    steps = both.speaker.parts(both.banks(waveforms))[1].shape[2] if both.speaker else 0
    layer = alone.whisper(waveforms)[0].transpose(1, 2)[:, :, :steps]
    torch.testing.assert_close(both.features(waveforms)[:, :16], layer.mean(dim=2))


def groups_of_features(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Two groups (count, 4 + 60): a strong sign in one number of each, weaker in the second."""
    rng = np.random.default_rng(seed)
    bonafide = np.arange(count) % 2 == 0
    features = rng.standard_normal((count, 64)).astype(np.float32)
    features[:, 0] += 2.0 * bonafide
    features[:, 4] += 0.7 * bonafide
    return features, bonafide


def test_probes_are_fitted_each_alone_and_have_the_same_say() -> None:
    features, bonafide = groups_of_features(1)
    weights = np.ones(len(bonafide))
    line = fitted_line(Examples(features.copy(), bonafide, weights), None, (4, 60))
    standard = (features - line.centre) / line.spread
    first, second = standard[:, :4] @ line.weights[:4], standard[:, 4:] @ line.weights[4:]
    assert first.std() == pytest.approx(second.std(), rel=1e-4)
    alone = fitted_line(Examples(features[:, :4].copy(), bonafide, weights))
    directions = [part / np.linalg.norm(part) for part in (line.weights[:4], alone.weights)]
    np.testing.assert_allclose(*directions, atol=1e-4)


def test_one_probe_of_all_features_is_the_plain_regression() -> None:
    features, bonafide = groups_of_features(2)
    examples = [Examples(features.copy(), bonafide, np.ones(len(bonafide))) for _ in range(2)]
    plain, single = fitted_line(examples[0], 0.1), fitted_line(examples[1], 0.1, (64,))
    np.testing.assert_allclose(plain.weights, single.weights)
    assert plain.offset == pytest.approx(single.offset)


def test_a_probe_of_constant_features_says_nothing_and_breaks_nothing() -> None:
    features, bonafide = groups_of_features(3)
    features[:, 4:] = 1.0
    line = fitted_line(Examples(features, bonafide, np.ones(len(bonafide))), None, (4, 60))
    assert not line.weights[4:].any()
    assert np.isfinite(line.weights).all()
    assert line.weights[0] > 0


def test_each_front_takes_its_own_weights_in_any_order() -> None:
    names = [str(fetched_front(name)) for name in ("campplus", "whisper-base")]
    torch.manual_seed(1)
    detector = build_detector("probes", {"layers": [1], "blocks": [0]})
    for name in names:
        detector.take_pretrained(name)
    fetched = build_detector("speaker", {"block": "head"})
    fetched.take_pretrained(names[0])
    for name, value in fetched.get_submodule("front").state_dict().items():
        assert torch.equal(detector.state_dict()[f"speaker.{name}"], value)
    whisper = build_detector("whisper", {"layers": [1]})
    whisper.take_pretrained(names[1])
    stem = whisper.get_parameter("front.encoder.conv1.weight")
    assert torch.equal(detector.get_parameter("whisper.encoder.conv1.weight"), stem)


def campplus_file(folder: Path) -> Path:
    torch.save(Campplus(1).state_dict(), folder / "campplus.pt")
    return folder / "campplus.pt"


def test_a_front_that_was_left_without_weights_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    params = Params(
        detector=DetectorParams("probes", {"sizes": SMALL, "layers": [1], "blocks": [1]}),
        training=TrainingParams(pretrained=(str(campplus_file(tmp_path)),)),
    )
    new_detector(params)
    assert "weights for 1 of its fronts (Whisper, CAM++)" in caplog.text


def test_weights_for_a_front_that_the_options_leave_out_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"weights of CAM\+\+, but option blocks has none of it"):
        probes(blocks=[]).take_pretrained(str(campplus_file(tmp_path)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"layers": [2, 1]}, "option layers: different layers in rising order expected"),
        ({"layers": [3]}, "option layers: a whole number 0 to 2 expected, found 3"),
        ({"blocks": [4]}, "option blocks: a whole number 0 to 3 expected, found 4"),
        ({"blocks": 1}, "option blocks: a list of 0 to 4 expected, found 1"),
        ({"spectrum": 1}, "option spectrum: true or false expected, found 1"),
        ({"layers": [], "blocks": [], "spectrum": False}, "a layer, a block or the spectrum"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        probes(**options)


def test_training_mode_leaves_the_fronts_as_they_are() -> None:
    detector = probes().train()
    before = detector(noise(8_000))
    torch.testing.assert_close(detector.eval()(noise(8_000)), before)
