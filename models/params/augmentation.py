"""What the sections `augmentation` and `augmentation_audio` of params.yaml may say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import InputError

# the keys of models.augmentations.AUGMENTATIONS and of its CODECS, in their order
EFFECTS = (
    "silence_trimming", "speed", "time_stretch", "pitch_shift", "time_shift", "room", "background",
    "babble", "gain", "white_noise", "rawboost_convolutive", "rawboost_impulsive",
    "rawboost_stationary", "loudness", "clipping", "telephone_band", "resampling", "codec",
    "packet_loss", "time_mask", "frequency_mask",
)  # fmt: skip
CODECS = ("g711_mulaw", "g711_alaw", "g722", "g723_1", "gsm", "amr_nb", "opus", "mp3", "aac")


@dataclass(frozen=True)
class AugmentationAudioParams:
    """What augmentations are made of where the user has better than what is simulated."""

    noise: str | None = None  # a folder of recordings
    impulse_responses: str | None = None  # a folder of recordings
    codecs: Mapping[str, float] = field(default_factory=dict)  # name -> weight of being drawn

    def check(self, origin: str) -> None:
        """Raise InputError naming the key that is wrong."""
        place = f"{origin}: augmentation_audio"
        for key in ("noise", "impulse_responses"):
            folder = getattr(self, key)
            if folder is not None and not Path(folder).is_absolute():
                raise InputError(f"{place}.{key}: an absolute path expected, found {folder!r}")
        check_names(f"{place}.codecs", "codec", self.codecs, CODECS)


def check_names(place: str, kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise InputError where one of `names` is not known."""
    known = tuple(known)
    for name in names:
        if name not in known:
            raise InputError(f"{place}: no {kind} named '{name}'; known: {', '.join(known)}")
