"""The CNN alone, under an LSTM, and both; on each feature."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.detectors import build_detector, cm_score
from models.detectors.cnn_lstm import FEATURES, FORMS, CnnLstm
from models.detectors.layers.lstm import Lstm
from models.errors import InputError
from tests.tolerances import rounding

NARROW: dict[str, Any] = {"widths": [2, 4, 4], "units": 4}


def narrow(**options: Any) -> CnnLstm:
    torch.manual_seed(1)
    detector = build_detector("cnn-lstm", {**NARROW, **options})
    assert isinstance(detector, CnnLstm)
    return detector


def noise(batch: int, samples: int = 8_000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_hears_every_feature_at_any_length(feature: str, form: str) -> None:
    detector = narrow(feature=feature, form=form).eval()
    for samples in (8_000, 30_001):
        embedding, logits = detector.forward_both(noise(2, samples))
        assert embedding.shape == (2, detector.embedding_dim)
        assert torch.isfinite(logits).all()
        assert (logits[0] - logits[1]).abs().max() > 0


def test_a_form_is_what_its_name_says() -> None:
    recurrent = {
        form: [isinstance(member.over_time, Lstm) for member in narrow(form=form).members]
        for form in FORMS
    }
    assert recurrent == {"cnn": [False], "cnn-lstm": [True], "ensemble": [False, True]}


def test_the_score_of_the_ensemble_is_the_mean_of_its_members() -> None:
    both = narrow(form="ensemble").eval()
    scores = []
    for member, form in zip(both.members, ("cnn", "cnn-lstm"), strict=True):
        alone = narrow(form=form).eval()
        alone.members[0].load_state_dict(member.state_dict())
        scores.append(cm_score(alone(noise(3))))
    torch.testing.assert_close(cm_score(both(noise(3))), torch.stack(scores).mean(dim=0))


def test_an_lstm_hears_the_order_of_steps_and_a_mean_does_not() -> None:
    alone, under_lstm = narrow(form="ensemble").members
    steps = torch.randn(1, 20, 4)
    for member, hears in ((alone, False), (under_lstm, True)):
        forward, backward = (member.over_time(turn).mean(dim=1) for turn in (steps, steps.flip(1)))
        assert torch.allclose(forward, backward, atol=rounding(20, 3.0)) is not hears


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"feature": "cqt"}, "option feature: one of spectrogram, mfcc, chroma expected, "
                             "found 'cqt'"),
        ({"feature_options": {"bands": 3}}, "spectrogram: no option named 'bands'; known: frame"),
        ({"form": "both"}, "option form: one of cnn, cnn-lstm, ensemble expected, found 'both'"),
        ({"units": 0}, "option units: a whole number 1 to 4096 expected, found 0"),
        ({"dropout": 2}, "option dropout: a number 0 to 1 expected, found 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        narrow(**options)
