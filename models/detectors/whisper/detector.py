"""What detectors with a Whisper front that learns have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.detectors.detector import Detector
from models.detectors.whisper.front import WhisperFront
from models.detectors.whisper.weights import take_pretrained


class WhisperDetector(Detector):
    """A detector with a `front`, to which published weights are given."""

    front: WhisperFront

    @property
    def published_fronts(self) -> Sequence[str]:
        """Whisper's encoder."""
        return ("Whisper",)

    def take_pretrained(self, source: str) -> None:
        """Give the front published weights: see `models.detectors.whisper.weights`."""
        take_pretrained(self.front, source)

    def learning_rates(self) -> Mapping[str, float]:
        """The encoder's share."""
        return self.front.rates("front")
