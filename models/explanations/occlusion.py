"""Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901): the score without one tile at a time."""

from __future__ import annotations

import numpy as np
import torch

from models.detectors.detector import SAMPLE_RATE
from models.explanations.explanation import Map, Numbers
from models.explanations.stretch import BATCH, ScoredStretch
from models.explanations.time_frequency import BINS, FRAME, HOP, to_points, without

EDGES_HZ = (0.0, 250.0, 500.0, 1000.0, 1500.0, 2250.0, 3250.0, 4750.0, 8000.0)
SHORTEST = 1_600  # samples of a tile: 0.1 s
MOST = 12  # tiles along the time axis


def occlusion(stretch: ScoredStretch) -> Map:
    """How far the score moves towards bona fide without each tile of the spectrum.

    It needs no gradient. `over_hz` is the effect of removing a whole band, `over_s` of removing a
    whole time: tiles that can replace each other show only there.
    """
    waveform = stretch.waveform
    samples = len(waveform)
    frames = to_points(waveform[None]).shape[2]
    edges_s = np.linspace(0.0, samples, min(MOST, max(1, samples // SHORTEST)) + 1) / SAMPLE_RATE
    bands = _members(np.arange(BINS) * SAMPLE_RATE / FRAME, np.array(EDGES_HZ))
    times = _members(np.arange(frames) * HOP / SAMPLE_RATE, edges_s)
    tiles = [(band, time) for band in bands for time in times]
    everywhere, always = np.ones(BINS, bool), np.ones(frames, bool)
    tiles += [(band, always) for band in bands] + [(everywhere, time) for time in times]
    effects = _effects(stretch, tiles)
    inner = len(bands) * len(times)
    return Map(
        values=effects[:inner].reshape(len(bands), len(times)),
        edges_hz=np.array(EDGES_HZ),
        edges_s=edges_s,
        unit="cm_score, towards spoof",
        meaning="without it the score moves towards bona fide",
        over_hz=effects[inner : inner + len(bands)],
        over_s=effects[inner + len(bands) :],
    )


def _members(places: Numbers, edges: Numbers) -> list[np.ndarray]:
    """For each two neighbouring edges, which places (n,) lie between them."""
    owner = (np.searchsorted(edges, places, side="right") - 1).clip(0, len(edges) - 2)
    return [owner == index for index in range(len(edges) - 1)]


def _effects(stretch: ScoredStretch, tiles: list[tuple[np.ndarray, np.ndarray]]) -> Numbers:
    """The evidence for spoof that each tile (bins, frames) carries."""
    before = stretch.ask(stretch.waveform[None])
    effects = []
    for start in range(0, len(tiles), BATCH):
        masks = np.stack([np.outer(band, time) for band, time in tiles[start : start + BATCH]])
        erased = torch.from_numpy(masks).to(stretch.waveform.device)
        effects.append(before - stretch.ask(without(stretch.waveform, erased)))
    return np.asarray(torch.cat(effects).cpu().numpy())
