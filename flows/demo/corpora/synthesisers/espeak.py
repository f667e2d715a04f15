"""eSpeak NG: formant synthesis, called through ctypes as the wheel of espeakng-loader ships it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flows.demo.corpora.synthesisers.voices import Part, Voice, Waveform
from models.audio.reading import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

# Of speak_lib.h.
SYNCHRONOUS = 2
RATE, VOLUME, PITCH = 1, 2, 3  # espeak_PARAMETER
UTF8 = 1
CHARACTERS = 1  # a position is counted in them
WORDS_PER_MINUTE = 165
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def _voices(variants: str, languages: str) -> tuple[Voice, ...]:
    return tuple(
        Voice(f"{language}+{variant}", variant, language.partition("-")[0])
        for variant in variants.split()
        for language in languages.split()
    )


# Variants with the word "breath" sound different in every process: none of them.
VOICES: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: _voices("m1 f1 m3 steph m7 Annie Andy antonio", "en-us fr es cs"),
    Part.DEV: _voices("m2 belinda Michael aunty", "it en cs"),
    Part.EVAL: _voices("m5 f4 Mario anika m6", "ru en cs"),
    Part.TRAFFIC: _voices("m4 m8 Denis Andrea", "ru en cs"),
}


def speak(text: str, voice: Voice, pace: float, seed: int) -> Waveform:
    """A sentence in a voice; the same arguments give the same samples."""
    import soxr

    with _engine() as (library, rate):
        ctypes.CDLL(None).srand(seed % 2**31)  # the engine's noise
        if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice.name}")
        library.espeak_SetParameter(RATE, round(WORDS_PER_MINUTE * pace), 0)
        library.espeak_SetParameter(VOLUME, 30, 0)  # 100 clips with some voices
        library.espeak_SetParameter(PITCH, 35 + seed % 31, 0)  # of 0 to 99; its own is 50
        pcm = _synthesise(library, text)
    resampled: Waveform = soxr.resample(pcm.astype(np.float32) / 32_768, rate, SAMPLE_RATE)
    return resampled


@contextmanager
def _engine() -> Iterator[tuple[ctypes.CDLL, int]]:
    """A fresh copy of the library: it keeps phases from one sentence to the next."""
    import _ctypes

    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    try:
        rate = library.espeak_Initialize(SYNCHRONOUS, 0, data, 0)
        if rate <= 0:
            raise RuntimeError("eSpeak NG does not start with the data of espeakng-loader")
        yield library, rate
        library.espeak_Terminate()
    finally:
        unload: Callable[[int], None] = _ctypes.dlclose
        unload(library._handle)


def _synthesise(library: ctypes.CDLL, text: str) -> NDArray[np.int16]:
    blocks: list[NDArray[np.int16]] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, _: int | None) -> int:
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = CALLBACK(collect)  # kept alive here while the library calls it
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, CHARACTERS, 0, UTF8, None, None)
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
