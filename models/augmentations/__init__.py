"""Channel effects on training audio: name -> function(waveform (samples,), rng) -> waveform.

A clip passes through them in the order of the table, which is the order of a recording: a voice, a
room, what else is heard there, the level and faults of the recorder, the line, its codec, its
losses. The masks come last, so that nothing fills them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.augmentations.background import RecordedBackground
from models.augmentations.channel import RandomChannel
from models.augmentations.codec import open_codecs
from models.augmentations.processing.recordings import IMPULSE_RESPONSES, NOISE, open_recordings
from models.augmentations.room import MeasuredRoom
from models.errors import InputError
from models.tables import AUGMENTATIONS as PLACES
from models.tables import LazyTable

if TYPE_CHECKING:
    from models.params.augmentation import AugmentationAudioParams

Augmentation = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

AUGMENTATIONS: LazyTable[Augmentation] = LazyTable(PLACES)


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
    if wanted & {"codec", "channel"}:
        codec = open_codecs(audio.codecs, "augmentation_audio.codecs")
        configured |= {"codec": codec, "channel": RandomChannel(codec)}
    return {
        name: configured.get(name, effect)
        for name, effect in AUGMENTATIONS.items()
        if name in wanted
    }
