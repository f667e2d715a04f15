"""Spectrograms of one utterance through every augmentation, as one picture.

    python -m benchmarks.augmentation_pictures FILE OUT.png [SEED]

docs/augmentations.png was made by it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.audio.reading import SAMPLE_RATE, read_audio
from models.augmentations import AUGMENTATIONS
from models.augmentations.codec import CODECS, Codec

COLUMNS = 5
SHADES = 24  # of grey: half the file
FRAME, HOP = 512, 160
FLOOR_DB = -75.0  # below the loudest point of the clean clip


def main() -> None:
    """Draw the picture."""
    waveform = read_audio(Path(sys.argv[1]))
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 11
    panels = {"the clip": waveform}
    for name, effect in AUGMENTATIONS.items():
        if name not in ("codec", "channel"):  # what they draw has panels of its own
            panels[name] = effect(waveform, np.random.default_rng(seed))
    for name in CODECS:
        panels[f"codec: {name}"] = Codec({name: 1.0})(waveform, np.random.default_rng(seed))
    _draw(panels, Path(sys.argv[2]))


def _draw(panels: dict[str, NDArray[np.float32]], path: Path) -> None:
    rows = -(-len(panels) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(11, 1.55 * rows), sharex=True, sharey=True, layout="constrained"
    )
    loudest = float(spectrogram(panels["the clip"]).max())
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (name, waveform) in zip(axes.flat, panels.items(), strict=False):
        _panel(axis, name, waveform, loudest)
    for axis in axes[-1]:
        axis.set_xlabel("s", fontsize=7)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=80)
    Image.open(drawn).convert("L").quantize(SHADES).save(path, "PNG", optimize=True)


def _panel(axis: Any, name: str, waveform: NDArray[np.float32], loudest: float) -> None:
    axis.imshow(
        spectrogram(waveform) - loudest,
        origin="lower",
        aspect="auto",
        cmap="gray_r",
        vmin=FLOOR_DB,
        vmax=0.0,
        extent=(0.0, waveform.size / SAMPLE_RATE, 0.0, SAMPLE_RATE / 2000),
    )
    axis.set_title(name, fontsize=8)
    axis.set_yticks([0, 4, 8])
    axis.tick_params(labelsize=6, length=2)


def spectrogram(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power in dB (257, frames)."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)) ** 2
    return np.asarray(10.0 * np.log10(power.T + 1e-10))


if __name__ == "__main__":
    main()
