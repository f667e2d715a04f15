"""AASIST and AASIST-L against the official release."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.detectors import Detector, build_detector, cm_score
from tests.tolerances import assert_equal_but_for_rounding, in_float64

pytestmark = pytest.mark.slow

OFFICIAL = {"aasist": "AASIST", "aasist-l": "AASIST-L"}


@pytest.fixture(scope="module", params=OFFICIAL)
def official(request: pytest.FixtureRequest, shared: Path) -> tuple[Detector, str]:
    release = OFFICIAL[request.param]
    detector = build_detector(request.param).eval()
    path = shared / "weights" / f"{release}.pth"
    weights = torch.load(path, map_location="cpu", weights_only=True)
    detector.load_state_dict(weights, strict=True)
    return detector, release


def test_official_weights_give_the_official_logits_and_embeddings(
    official: tuple[Detector, str], shared: Path
) -> None:
    detector, release = official
    waveforms = torch.from_numpy(np.load(shared / "parity" / "waveforms.npy"))
    with torch.inference_mode():
        computed = detector.forward_both(waveforms)
        exact = in_float64(detector).forward_both(waveforms.double())
    for name, expected, precise in zip(("embedding", "logits"), computed, exact, strict=True):
        published = np.load(shared / "parity" / f"{release}_{name}.npy")
        assert_equal_but_for_rounding(published, expected, precise, name)


def test_bona_fide_speech_scores_above_its_synthetic_rivals(
    official: tuple[Detector, str], shared: Path
) -> None:
    """Fails where the two logits are swapped: eSpeak NG is what AASIST knows best of `corpus/`."""
    import soundfile

    def scores(folder: str) -> torch.Tensor:
        paths = sorted((shared / "corpus" / folder).rglob("*.flac"))[:100:20]
        clips = [np.resize(soundfile.read(path, dtype="float32")[0], 24_000) for path in paths]
        with torch.inference_mode():
            return cm_score(detector(torch.from_numpy(np.stack(clips))))

    detector, _ = official
    bonafide, spoof = scores("bonafide/asterisk_fr"), scores("spoof/espeak_ng")
    auc = (bonafide[:, None] > spoof).float().mean()
    assert auc > 0.7, f"bona fide {bonafide}, spoof {spoof}"
