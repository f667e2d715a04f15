"""Channel effects on training audio: name -> function(waveform (samples,), rng) -> waveform.

A clip passes through them in the order of the table, which is the order of a recording: a voice, a
room, what else is heard there, the level and faults of the recorder, the line, its codec, its
losses. The masks come last, so that nothing fills them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from models.augmentations.babble import babble
from models.augmentations.background import RecordedBackground, background
from models.augmentations.clipping import clipping
from models.augmentations.codec import Codec, open_codecs
from models.augmentations.frequency_mask import frequency_mask
from models.augmentations.gain import gain
from models.augmentations.loudness import loudness
from models.augmentations.packet_loss import packet_loss
from models.augmentations.pitch_shift import pitch_shift
from models.augmentations.rawboost import convolutive, impulsive, stationary
from models.augmentations.recordings import IMPULSE_RESPONSES, NOISE, open_recordings
from models.augmentations.resampling import resampling
from models.augmentations.room import MeasuredRoom, room
from models.augmentations.silence_trimming import silence_trimming
from models.augmentations.speed import speed
from models.augmentations.telephone_band import telephone_band
from models.augmentations.time_mask import time_mask
from models.augmentations.time_shift import time_shift
from models.augmentations.time_stretch import time_stretch
from models.augmentations.white_noise import white_noise
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams

Augmentation = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

AUGMENTATIONS: dict[str, Augmentation] = {
    "silence_trimming": silence_trimming,
    "speed": speed,
    "time_stretch": time_stretch,
    "pitch_shift": pitch_shift,
    "time_shift": time_shift,
    "room": room,
    "background": background,
    "babble": babble,
    "gain": gain,
    "white_noise": white_noise,
    "rawboost_convolutive": convolutive,
    "rawboost_impulsive": impulsive,
    "rawboost_stationary": stationary,
    "loudness": loudness,
    "clipping": clipping,
    "telephone_band": telephone_band,
    "resampling": resampling,
    "codec": Codec(),
    "packet_loss": packet_loss,
    "time_mask": time_mask,
    "frequency_mask": frequency_mask,
}


def build_augmentations(
    names: Iterable[str], audio: AugmentationAudioParams
) -> dict[str, Augmentation]:
    """The named effects in the order of the table, with what folders and codecs were given.

    Raises InputError where a name is unknown, and where a folder or a codec is missing.
    """
    wanted = set(names)
    if unknown := sorted(wanted - set(AUGMENTATIONS)):
        raise InputError(f"no augmentation named '{unknown[0]}'; known: {', '.join(AUGMENTATIONS)}")
    configured: dict[str, Augmentation] = {}
    if "background" in wanted and audio.noise is not None:
        configured["background"] = RecordedBackground(open_recordings(audio.noise, NOISE))
    if "room" in wanted and audio.impulse_responses is not None:
        configured["room"] = MeasuredRoom(
            open_recordings(audio.impulse_responses, IMPULSE_RESPONSES)
        )
    if "codec" in wanted:
        configured["codec"] = open_codecs(audio.codecs, "augmentation_audio.codecs")
    return {
        name: configured.get(name, effect)
        for name, effect in AUGMENTATIONS.items()
        if name in wanted
    }
