"""What every detector promises. A new one has a line in NARROW and in PARAMETERS."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.data.clips import Clips
from models.detectors import DETECTORS, Detector, build_detector, cm_score, resolve_options
from models.detectors.detector import MIN_SAMPLES
from models.detectors.layers.spectro_temporal import GraphDetector
from models.errors import InputError
from models.evaluation.metrics.auc import auc
from models.files.manifest import GRAPH, read_manifest
from models.packaging.checkpoint import import_weights, load_detector, save_detector
from models.packaging.export import export_detector
from models.packaging.last_layer import LastLayer, exchange_last_layer, read_backbone
from models.packaging.runtime import RUNTIMES, ExportedDetector
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.scoring import score_clips
from models.training.train import train
from tests.tolerances import FEWEST_BITS, assert_equal_but_for_rounding, in_float64

# name -> options that make it small
AASIST = {"widths": [4, 4, 8, 8], "graph_dims": [8, 8], "sinc_filters": 24, "sinc_length": 33}
CNN = {"form": "cnn", "widths": [2, 4, 4], "units": 8}
GMM = {"components": 4, "coefficients": 8, "filters": 20, "frames": 400}
FRONT_SIZES = {
    "layers": 1, "width": 16, "heads": 2, "feed_forward": 16, "convolution_channels": 8,
    "position_kernel": 8, "position_groups": 2,
}  # fmt: skip
WHISPER_SIZES = {"mels": 12, "width": 16, "heads": 2, "blocks": 2}
NARROW: dict[str, dict[str, Any]] = {
    "aasist": AASIST,
    "aasist-l": AASIST,
    "rawgat-st": {
        "widths": [4, 4, 8], "graph_dims": [8, 4], "sinc_filters": 24, "sinc_length": 33,
        "samples": 24_000,
    },
    "rawnet2": {
        "widths": [8, 16], "sinc_filters": 12, "sinc_length": 65, "gru_units": 16, "gru_layers": 2,
        "embedding": 12,
    },
    "lcnn": {"widths": [8, 8, 8, 8]},
    "resnet": {"stem": 4, "widths": [4, 8, 8, 16], "embedding": 16},
    "mel-transformer": {
        "bands": 20, "widths": [4, 4], "features": 8, "heads": 2, "layers": 2, "feed_forward": 16,
        "dense": 8,
    },
    "mfcc-attention": {
        "coefficients": 8, "bands": 20, "widths": [4, 4, 8], "features": 8, "heads": 2,
        "wavelets": True,
    },
    "cnn-lstm": {"form": "ensemble", "widths": [2, 4, 4], "units": 8},
    "spectrum": {"frame": 128, "fft": 128},
    "lfcc-gmm": GMM,
    "ensemble": {
        "members": [{"name": "lfcc-gmm", "options": GMM}, {"name": "cnn-lstm", "options": CNN}]
    },
    "speaker": {"block": 1},
    "ssl-aasist": {
        "front_sizes": FRONT_SIZES,
        "rows": 12, "widths": [4, 4, 8, 8], "graph_dims": [8, 8], "pool_dropout": 0.0,
        "attention_dropout": 0.0, "branch_dropout": 0.0, "readout_dropout": 0.0,
    },
    "light-darts": {
        "front": "wavlm-base", "front_sizes": FRONT_SIZES, "rows": 12, "cells": 1, "channels": 4,
    },
    "whisper": {
        "sizes": WHISPER_SIZES, "layers": [0, 1], "rows": 8, "embedding": 8, "dropout": 0.0,
        "front_rate": 1.0,
    },
    "whisper-aasist": {
        "sizes": WHISPER_SIZES, "layers": [0, 1], "rows": 12, "widths": [4, 4, 8, 8],
        "graph_dims": [8, 8], "pool_dropout": 0.0, "attention_dropout": 0.0, "branch_dropout": 0.0,
        "readout_dropout": 0.0, "front_rate": 1.0,
    },
    "probes": {"sizes": WHISPER_SIZES, "layers": [0, 1], "blocks": [0, 1]},
}  # fmt: skip
# name -> weights of the default options, as published where a number is
PARAMETERS: dict[str, int] = {
    "aasist": 297_866,
    "aasist-l": 85_306,
    "rawgat-st": 440_810,
    "rawnet2": 17_621_410,
    "lcnn": 269_826,
    "resnet": 12_450_290,
    "mel-transformer": 993_154,
    "mfcc-attention": 242_578,
    "cnn-lstm": 188_468,
    "spectrum": 2_058,
    "lfcc-gmm": 124_024,
    "ensemble": 421_893,
    "speaker": 3_676_194,
    "ssl-aasist": 315_884_962,
    "light-darts": 315_863_900,
    "whisper": 10_567_554,
    "whisper-aasist": 10_751_754,
    "probes": 10_909_230,
}
GRAPHS = [name for name in DETECTORS if name != "aasist-l"]  # narrow, it is aasist but for ratios
LARGE = ("ssl-aasist", "light-darts")  # too large for a test, but for their shapes
DOCS = Path(__file__).resolve().parents[3] / "docs/detectors.md"
WINDOW = WindowParams(samples=12_000, hop=6_000)


def narrow(name: str = "aasist", **options: Any) -> Detector:
    torch.manual_seed(1)
    return build_detector(name, {**NARROW[name], **options})


def seasoned(name: str) -> Detector:
    """A narrow detector in eval mode that has heard something: statistics of 0 hide mistakes."""
    detector = narrow(name).train()
    with torch.no_grad():
        detector(noise(8))
    return detector.eval()


def noise(batch: int, samples: int = MIN_SAMPLES, seed: int = 2) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


def settled_noise(detector: Detector, batch: int, samples: int) -> Tensor:
    """Noise of which no rounding exchanges two nodes of a graph, which would move the answer."""
    if not isinstance(detector, GraphDetector):
        return noise(batch, samples)
    exact = in_float64(detector)
    for seed in range(2, 12):
        clips = noise(batch, samples, seed)
        rounded = [clips + 1e-5 * noise(batch, samples, 100 * seed + n) for n in range(3)]
        with torch.inference_mode():
            rough = torch.cat(detector.forward_both(clips), dim=1)
            answer, *others = (
                torch.cat(exact.forward_both(c.double()), dim=1) for c in (clips, *rounded)
            )
        limit = 2.0**-FEWEST_BITS * answer.abs().max()
        if all((other - answer).abs().max() < 4 * limit for other in others) and (
            (rough - answer).abs().max() < limit
        ):
            return clips
    raise AssertionError("ten draws of noise with nodes of equal scores")


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("samples", [8_000, 8_001, 24_000, 64_600, 100_003])
def test_any_length_from_half_a_second_is_heard(name: str, samples: int) -> None:
    detector = narrow(name).eval()
    with torch.inference_mode():
        embedding, logits = detector.forward_both(noise(2, samples))
    assert embedding.shape == (2, detector.embedding_dim)
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(embedding).all()


@pytest.mark.parametrize(
    ("waveforms", "sentence"),
    [
        (torch.zeros(1, 7_999), "at least 8000 samples .* found 7999"),
        (torch.zeros(8_000), r"\(batch, samples\) expected, found shape \(8000,\)"),
        (torch.zeros(1, 1, 8_000), r"found shape \(1, 1, 8000\)"),
        (torch.zeros(1, 8_000, dtype=torch.int16), "floating point expected, found torch.int16"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_one_sentence(waveforms: Tensor, sentence: str) -> None:
    detector = narrow()
    for method in (detector, detector.embed, detector.forward_both):
        with pytest.raises(InputError, match=sentence):
            method(waveforms)


@pytest.mark.parametrize("name", DETECTORS)
def test_silence_has_a_finite_score(name: str) -> None:
    with torch.inference_mode():
        assert torch.isfinite(seasoned(name)(torch.zeros(2, MIN_SAMPLES))).all()


def test_cm_score_is_the_bona_fide_logit_less_the_spoof_logit() -> None:
    assert cm_score(torch.tensor([[1.0, 4.0], [2.0, -1.0]])).tolist() == [3.0, -3.0]


@pytest.mark.parametrize("name", DETECTORS)
def test_evaluation_is_deterministic_and_one_clip_does_not_change_another(name: str) -> None:
    detector = seasoned(name)
    clips = noise(3)
    with torch.inference_mode():
        embedding, logits = detector.forward_both(clips)
        assert torch.equal(detector(clips), logits)
        assert torch.equal(detector.embed(clips), embedding)
        exact = in_float64(detector)(clips.double())
        alone = torch.cat([detector(clip[None]) for clip in clips])
        assert_equal_but_for_rounding(alone, logits, exact)
        louder = torch.cat([10 * clips[:1], clips[1:2], torch.zeros_like(clips[:1])])
        assert_equal_but_for_rounding(detector(louder)[1:2], logits[1:2], exact[1:2])


@pytest.mark.parametrize("name", DETECTORS)
def test_the_gradient_reaches_the_waveform_or_the_detector_says_that_it_cannot(name: str) -> None:
    detector = narrow(name).train()
    if not detector.differentiable:
        pytest.skip("says that it is not differentiable")
    waveforms = noise(4).requires_grad_()
    cm_score(detector(waveforms)).sum().backward()
    assert waveforms.grad is not None
    assert torch.isfinite(waveforms.grad).all()
    assert (waveforms.grad != 0).float().mean() > 0.5


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_comes_back_from_disk_as_it_was(name: str, tmp_path: Path) -> None:
    detector = seasoned(name)
    save_detector(detector, tmp_path / "detector", WINDOW)
    loaded = load_detector(tmp_path / "detector")
    with torch.inference_mode():
        assert torch.equal(loaded(noise(2)), detector(noise(2)))
    manifest = read_manifest(tmp_path / "detector")
    assert (manifest.detector, manifest.options) == (name, resolve_options(name, NARROW[name]))


@pytest.fixture(scope="module", params=GRAPHS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported folder of each detector, written once: a graph takes seconds."""
    folder = tmp_path_factory.mktemp("exported") / request.param
    save_detector(seasoned(request.param), folder, WINDOW)
    export_detector(folder)
    return folder


@pytest.mark.slow
def test_the_endpoint_answers_as_torch_does(exported: Path) -> None:
    for runtime in RUNTIMES:
        ExportedDetector.open(exported, runtime=runtime).check_golden()
    windows = noise(2, WINDOW.samples)
    logits, embeddings = ExportedDetector.open(exported).run(windows.numpy())
    detector = load_detector(exported)
    with torch.inference_mode():
        expected, exact = (
            module.forward_both(inputs)
            for module, inputs in ((detector, windows), (in_float64(detector), windows.double()))
        )
    assert_equal_but_for_rounding(embeddings, expected[0], exact[0])
    assert_equal_but_for_rounding(logits, expected[1], exact[1])


@pytest.mark.slow
def test_another_last_layer_changes_the_graph_as_it_changes_torch(
    exported: Path, tmp_path: Path
) -> None:
    detector, backbone = load_detector(exported), read_backbone(exported)
    layer = detector.last_layer
    if layer is None or backbone is None:
        assert layer is backbone is None
        assert exported.name in ("rawgat-st", "cnn-lstm", "lfcc-gmm", "ensemble")
        with pytest.raises(InputError, match="has no linear layer that alone makes its logits"):
            exchange_last_layer(exported, LastLayer(*_two_rows(3)), tmp_path / "new")
        return
    np.testing.assert_array_equal(backbone.layer.weight, layer.weight.detach())
    new = LastLayer(*_two_rows(detector.embedding_dim))
    manifest = exchange_last_layer(exported, new, tmp_path / "new")
    assert (manifest.detector, manifest.window) == (exported.name, WINDOW)
    for runtime in RUNTIMES:
        ExportedDetector.open(tmp_path / "new", runtime=runtime).check_golden()
    changed = load_detector(tmp_path / "new").last_layer
    assert changed is not None
    np.testing.assert_array_equal(changed.weight.detach(), new.weight)
    after = read_backbone(tmp_path / "new")
    assert after is not None
    assert after.sha256 == backbone.sha256
    np.testing.assert_array_equal(after.layer.bias, new.bias)


def _two_rows(width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, width)).astype(np.float32), np.array([0.5, -0.5], np.float32)


def test_one_graph_takes_any_batch_and_length(exported: Path) -> None:
    detector = load_detector(exported)
    session = onnxruntime.InferenceSession(exported / GRAPH, providers=["CPUExecutionProvider"])
    answers, expected, exact = [], [], []
    for batch, samples in [(1, 8_000), (3, 24_001), (2, 64_600), (1, 80_000)]:
        clips = settled_noise(detector, batch, samples)
        answers += session.run(["logits"], {"waveforms": clips.numpy()})
        with torch.inference_mode():
            expected.append(detector(clips))
            exact.append(in_float64(detector)(clips.double()))
    assert_equal_but_for_rounding(np.concatenate(answers), torch.cat(expected), torch.cat(exact))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_has_as_many_parameters_as_its_source_and_its_docs_say(name: str) -> None:
    with torch.device("meta" if name in LARGE else "cpu"):  # meta: shapes without memory
        detector = build_detector(name)
    count = sum(weight.numel() for weight in detector.parameters())
    assert count == PARAMETERS[name]
    source = sys.modules[type(detector).__module__].__doc__
    assert source is not None
    assert f"{count:,}" in source
    (row,) = re.findall(rf"^\| `{name}` \|.*$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"{count:,}" in row
    assert f"{detector.embedding_dim:,}" in row


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_what_has_learnt_an_easy_attack_scores_people_above_it(
    name: str, talk: Callable[[int, int], Clips]
) -> None:
    """Fails where a detector, its loss or its score takes spoof for bona fide."""
    detector = narrow(name)
    if not detector.differentiable:
        pytest.skip("is not trained by gradients: its own tests look")
    for module in detector.modules():  # else forty steps of so narrow a detector are too few
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 0.5
    training = TrainingParams(
        learning_rate=3e-3, final_learning_rate=3e-4, batch_size=8, epochs=4, steps_per_epoch=10,
        crop_samples=MIN_SAMPLES, bonafide_weight=0.5, seed=5,
    )  # fmt: skip
    window = WindowParams(MIN_SAMPLES, MIN_SAMPLES)
    params = Params(window=window, training=training, augmentation={})
    train(detector, talk(1, 40), talk(2, 24), params)
    unheard = talk(3, 40)
    scores = score_clips(detector, unheard, params.window).cm_scores
    area = auc(scores[unheard.bonafide], scores[~unheard.bonafide])
    assert area > 0.7, f"{name}: AUC {area:.2f}"


def test_a_name_that_no_detector_has_is_refused_in_one_sentence(tmp_path: Path) -> None:
    sentence = f"^no detector named 'asist'; known: {', '.join(DETECTORS)}$"
    with pytest.raises(InputError, match=sentence):
        build_detector("asist")
    with pytest.raises(InputError, match=sentence):
        import_weights("asist", tmp_path / "absent.pth", tmp_path / "detector")


def test_weights_that_are_absent_or_of_another_are_refused_in_one_sentence(tmp_path: Path) -> None:
    name, path = "lcnn", tmp_path / "weights.pth"
    with pytest.raises(InputError, match=r"^\S+weights\.pth: no such file of weights$"):
        import_weights(name, path, tmp_path / "detector", NARROW[name])
    torch.save({"another.weight": torch.ones(3)}, path)
    sentence = rf"^\S+: not weights of {name}: \d+ missing .*; 1 unexpected \(another\.weight\)$"
    with pytest.raises(InputError, match=sentence):
        import_weights(name, path, tmp_path / "detector", NARROW[name])
    assert not (tmp_path / "detector").exists()
