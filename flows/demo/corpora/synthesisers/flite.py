"""Flite's clustergen voices: statistical parametric synthesis, as Debian's packages ship it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flows.demo.corpora.synthesisers.programs import SynthesisError, run_program
from flows.demo.corpora.synthesisers.voices import Part, Voice, Waveform
from models.audio.reading import read_audio

PACKAGES = ("flite", "libflite1")
PITCHES = 0.88, 0.94, 1.0, 1.08, 1.16  # relative to a voice's own


def _voices(names: str) -> tuple[Voice, ...]:
    return tuple(Voice(name, name, "en") for name in names.split())


VOICES: dict[Part, tuple[Voice, ...]] = {
    Part.TRAIN: _voices("awb rms"),
    Part.DEV: _voices("slt"),
    Part.EVAL: _voices("slt"),
}


def speak(text: str, voice: Voice, pace: float, seed: int) -> Waveform:
    """A sentence in a voice, its pitch drawn by the seed; raises SynthesisError where it fails."""
    home = voice.home
    if home is None:
        raise SynthesisError("flite: the folder of the unpacked packages expected")
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "spoken.wav"
        options = [
            *("-voice", voice.name, "-t", text, "-o", str(path)),
            *("--setf", f"duration_stretch={1 / pace:.3f}"),
            *("--setf", f"f0_shift={PITCHES[seed % len(PITCHES)]}"),
        ]
        run_program(home, "flite", options, Path(scratch))
        return read_audio(path)
