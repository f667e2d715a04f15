"""What every detector promises, and what options do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.detectors import DETECTORS, Detector, build_detector, cm_score, resolve_options
from models.detectors.detector import MIN_SAMPLES
from models.errors import InputError

NARROW: dict[str, Any] = {
    "widths": [4, 4, 8, 8],
    "graph_dims": [8, 8],
    "sinc_filters": 24,
    "sinc_length": 33,
}
NARROW_GMM: dict[str, Any] = {"components": 4, "coefficients": 8, "filters": 20, "frames": 400}
OTHERS: dict[str, dict[str, Any]] = {
    "lfcc-gmm": NARROW_GMM,
    "ensemble": {
        "members": [
            {"name": "lfcc-gmm", "options": NARROW_GMM},
            {"name": "aasist", "options": NARROW},
        ]
    },
}


def narrow(name: str = "aasist", **options: Any) -> Detector:
    torch.manual_seed(1)
    return build_detector(name, {**OTHERS.get(name, NARROW), **options})


def noise(batch: int, samples: int = MIN_SAMPLES) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("samples", [8_000, 8_001, 24_000, 64_600, 100_003])
def test_any_length_from_half_a_second_is_heard(name: str, samples: int) -> None:
    detector = narrow(name).eval()
    embedding, logits = detector.forward_both(noise(2, samples))
    assert embedding.shape == (2, detector.embedding_dim)
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()


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


def test_cm_score_is_the_bona_fide_logit_less_the_spoof_logit() -> None:
    assert cm_score(torch.tensor([[1.0, 4.0], [2.0, -1.0]])).tolist() == [3.0, -3.0]


def test_the_three_ways_to_ask_agree() -> None:
    detector = narrow().eval()
    embedding, logits = detector.forward_both(noise(2))
    assert torch.equal(detector(noise(2)), logits)
    assert torch.equal(detector.embed(noise(2)), embedding)


@pytest.mark.parametrize("name", DETECTORS)
def test_evaluation_is_deterministic_and_one_clip_does_not_change_another(name: str) -> None:
    detector = narrow(name).eval()
    clips = noise(3)
    together = detector(clips)
    assert torch.equal(detector(clips), together)
    torch.testing.assert_close(detector(clips[1:2]), together[1:2], rtol=1e-4, atol=1e-5)


def test_training_drops_out_at_random() -> None:
    detector = narrow().train()
    torch.manual_seed(3)
    first = detector(noise(2))
    assert not torch.equal(detector(noise(2)), first)


def test_the_gradient_reaches_the_waveform_and_every_weight_in_use() -> None:
    detector = narrow().train()
    waveforms = noise(4).requires_grad_()
    cm_score(detector(waveforms)).sum().backward()
    assert waveforms.grad is not None
    assert (waveforms.grad != 0).float().mean() > 0.5
    idle = {name for name, weight in detector.named_parameters() if weight.grad is None}
    # the batch norms that the official code computes and throws away
    assert idle == {f"encoder.{i}.0.bn1.{kind}" for i in range(1, 6) for kind in ("weight", "bias")}


def test_the_128_dimensional_graph_with_a_640_dimensional_embedding_is_a_matter_of_options() -> (
    None
):
    detector = build_detector("aasist", {"graph_dims": [128, 128]}).eval()
    assert detector.embedding_dim == 640
    assert detector.embed(noise(1)).shape == (1, 640)


def test_aasist_l_is_aasist_with_other_options() -> None:
    options = {
        "widths": [32, 32, 24, 24],
        "graph_dims": [24, 32],
        "pool_ratios": [0.4, 0.5, 0.7],
    }
    assert resolve_options("aasist", options) == resolve_options("aasist-l")


def test_pooling_keeps_the_best_nodes_best_first_and_never_none() -> None:
    from models.detectors.graph import GraphPool

    pool = GraphPool(1, ratio=0.7, dropout=0.0)
    torch.nn.init.ones_(pool.proj.weight)
    torch.nn.init.zeros_(pool.proj.bias)
    nodes = torch.tensor([[[1.0], [-3.0], [2.0], [0.5]]])
    kept = pool(nodes)
    assert torch.allclose(
        kept, torch.tensor([[[2.0], [1.0]]]) * torch.sigmoid(kept.new_tensor([[2.0], [1.0]]))
    )
    assert pool(nodes[:, :1]).shape == (1, 1, 1)
    assert pool(torch.zeros(1, 90, 1)).shape[1] == 63


def test_frequency_masking_silences_neighbouring_filters_in_training_alone() -> None:
    from models.detectors.sinc import SincFilters

    filters = SincFilters(24, 33, masked=20)
    torch.manual_seed(0)
    silent = [(filters(noise(2)) == 0).all(dim=2)[0].nonzero().flatten() for _ in range(20)]
    assert any(len(bands) > 0 for bands in silent)
    for bands in silent:
        assert len(bands) < 20
        assert torch.equal(bands, torch.arange(len(bands)) + (bands[0] if len(bands) else 0))
    assert not (filters.eval()(noise(2)) == 0).all(dim=2).any()


def test_filters_cover_the_band_evenly_in_mel() -> None:
    from models.detectors.sinc import sinc_bank

    bank = torch.from_numpy(sinc_bank(70, 129))
    response = torch.fft.rfft(bank, n=4_096).abs()
    peaks = response.argmax(dim=1) * 16_000 / 4_096  # Hz
    assert (peaks[1:] >= peaks[:-1]).all()
    assert peaks[0] < 100
    assert peaks[-1] > 7_500
    assert response.sum(dim=0)[50:-50].min() > 0.7  # no gap between neighbours


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("asist", {}, "no detector named 'asist'; known: aasist, aasist-l"),
        ("aasist", {"width": 3}, "aasist: no option named 'width'; known: sinc_filters"),
        ("aasist", {"widths": 8}, "option widths: a list of 1 to 6 expected, found 8"),
        ("aasist", {"widths": [8, 0]}, "option widths: a whole number 1 to 4096 expected, found 0"),
        ("aasist", {"widths": "88"}, "option widths: a list"),
        ("aasist", {"graph_dims": [64]}, r"option graph_dims: a list of 2 expected, found \[64\]"),
        ("aasist", {"pool_ratios": [0.5, 0.7, 2]}, "option pool_ratios: a number 0.01 to 1"),
        ("aasist", {"temperatures": [0, 1, 1]}, "option temperatures: a number"),
        ("aasist", {"sinc_length": 128}, "option sinc_length: an odd number expected, found 128"),
        ("aasist", {"sinc_filters": True}, "option sinc_filters: a whole number"),
        ("aasist", {"pool_dropout": 1.5}, "option pool_dropout: a number 0 to 1"),
        ("aasist", {"frequency_mask": 71}, "option frequency_mask: a whole number 0 to 70"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(
    name: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector(name, options)


def test_a_detector_learns_to_tell_noise_from_tone() -> None:
    torch.manual_seed(0)
    detector = narrow().train()
    optimiser = torch.optim.Adam(detector.parameters(), lr=5e-3)
    tones = 0.1 * torch.sin(torch.arange(8_000) * torch.linspace(0.1, 0.5, 4)[:, None])
    clips = torch.cat([noise(4), tones + 0.01 * noise(4)])
    labels = torch.tensor([0] * 4 + [1] * 4)
    for _ in range(10):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(detector(clips), labels).backward()
        optimiser.step()
    scores = cm_score(detector(clips).detach())
    assert scores[4:].mean() - scores[:4].mean() > 1.0
