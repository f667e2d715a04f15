"""An explanation as a PNG: the effect of each tile over the spectrogram, in seconds and hertz."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from serving.explaining.schemas import ExplainAnswer
from serving.explaining.tiles import to_points

WIDTH, HEIGHT = 900, 380  # pixels of the map
LEFT, TOP, BOTTOM, RIGHT = 70, 64, 52, 20
RANGE_DB = 70.0  # below the loudest point
RED, BLUE = (178, 24, 43), (33, 102, 172)
OPAQUE = 0.7  # of the strongest colour over the speech
TICKS_HZ = (0, 500, 1000, 2000, 4000, 8000)
TEXT = 14  # pixels


def draw(waveform: NDArray[np.float32], answer: ExplainAnswer) -> bytes:
    """The PNG; `waveform` (samples,) is the window that was explained."""
    from PIL import Image, ImageDraw, ImageFont

    font: Any = ImageFont.load_default(TEXT)
    size = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM)
    picture = Image.new("RGB", size, "white")
    picture.paste(Image.fromarray(_pixels(waveform, answer)), (LEFT, TOP))
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(_title(answer)):
        pen.text((LEFT, 8 + number * (TEXT + 5)), line, fill="black", font=font)
    for hertz in TICKS_HZ:
        y = TOP + HEIGHT - round(_mel(hertz) / _mel(SAMPLE_RATE / 2) * HEIGHT)
        pen.line([(LEFT - 5, y), (LEFT, y)], fill="black")
        pen.text((LEFT - 10, y), f"{hertz / 1000:g} kHz", fill="black", font=font, anchor="rm")
    for second in np.linspace(answer.start_s, answer.end_s, 6):
        share = (second - answer.start_s) / (answer.end_s - answer.start_s)
        x = LEFT + round(share * WIDTH)
        pen.line([(x, TOP + HEIGHT), (x, TOP + HEIGHT + 5)], fill="black")
        label = f"{second:.2f} s"
        pen.text((x, TOP + HEIGHT + 10), label, fill="black", font=font, anchor="ma")
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _title(answer: ExplainAnswer) -> tuple[str, str]:
    return (
        f"cm_score {answer.cm_score:+.2f} by version {answer.model_version} "
        f"({answer.start_s:.2f} to {answer.end_s:.2f} s); higher is more bona fide",
        "Red: without it the score moves towards bona fide. Blue: the reverse.",
    )


def _pixels(waveform: NDArray[np.float32], answer: ExplainAnswer) -> NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3): the spectrogram in grey, the effects in colour over it."""
    power = np.abs(to_points(waveform)) ** 2  # (frames, bins)
    decibels = 10.0 * np.log10(power / max(float(power.max()), 1e-20) + 1e-12)
    top = _mel(SAMPLE_RATE / 2)
    hertz = 700.0 * np.expm1((np.arange(HEIGHT)[::-1] + 0.5) / HEIGHT * top)
    bins = np.round(hertz / (SAMPLE_RATE / 2) * (power.shape[1] - 1)).astype(int)
    places = (np.arange(WIDTH) + 0.5) / WIDTH
    frames = (places * len(power)).astype(int)
    grey = np.clip(-decibels[np.ix_(frames, bins)].T / RANGE_DB, 0.0, 1.0)[..., None] * 255.0
    values = np.array(answer.values)
    rows = np.searchsorted(answer.edges_hz, hertz, side="right") - 1
    seconds = answer.start_s + places * (answer.end_s - answer.start_s)
    columns = np.searchsorted(answer.edges_s, seconds, side="right") - 1
    last_row, last_column = values.shape[0] - 1, values.shape[1] - 1
    effect = values[np.ix_(rows.clip(0, last_row), columns.clip(0, last_column))]
    strength = np.abs(effect) / (float(np.abs(values).max()) or 1.0)
    alpha = (strength * OPAQUE)[..., None]
    colour = np.where(effect[..., None] > 0, np.array(RED), np.array(BLUE))
    return np.asarray(grey * (1.0 - alpha) + colour * alpha, np.uint8)


def _mel(hertz: float) -> float:
    """The scale of hearing."""
    return float(np.log1p(hertz / 700.0))
