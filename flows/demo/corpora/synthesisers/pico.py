"""SVOX Pico: parametric synthesis from statistical models, as py-nanotts ships it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from flows.demo.corpora.synthesisers.voices import Part, Voice, Waveform

M_PERTURB = -6  # malloc.h of glibc: fill new memory with the complement of a byte
VOLUME = 0.4  # at 1.0 loud vowels clip


def _voices(names: str, pitches: str) -> tuple[Voice, ...]:
    return tuple(
        Voice(name, f"{name}@{pitch}", name.partition("-")[0], float(pitch))
        for pitch in pitches.split()
        for name in names.split()
    )


VOICES: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: _voices("en-US fr-FR es-ES", "0.80 0.88 0.94 1.00 1.07 1.15"),
    Part.DEV: _voices("it-IT", "0.82 0.90 0.96 1.00 1.05 1.12"),
    Part.EVAL: _voices("en-GB", "0.78 0.84 0.92 1.00 1.06 1.14"),
    Part.TRAFFIC: _voices("en-GB", "0.81 0.88 0.96 1.03 1.10 1.18"),
}


def speak(text: str, voice: Voice, pace: float, seed: int) -> Waveform:  # noqa: ARG001
    """A sentence in a voice; the engine is 16 kHz and draws nothing, so the seed is not used."""
    from py_nanotts import NanoTTS

    with _zeroed_memory():
        pcm = NanoTTS().speak(text, voice.name, pace, voice.pitch, volume=VOLUME)
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)


@contextmanager
def _zeroed_memory() -> Iterator[None]:
    """Pico reads memory before it writes it: with glibc, let it find zeros and be repeatable."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: None)
    mallopt(M_PERTURB, 0xFF)
    try:
        yield
    finally:
        mallopt(M_PERTURB, 0)
