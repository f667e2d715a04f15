"""Occlusion (Zeiler and Fergus 2014) through the graph that serves: the score without each tile."""

from __future__ import annotations

import asyncio

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from models.audio.reading import SAMPLE_RATE
from models.audio.windows import cut_windows, window_starts
from models.errors import InputError
from models.packaging.runtime import cm_scores
from serving.api.guard import while_connected
from serving.api.scoring import body_upload, door_of
from serving.api.values import checked
from serving.champion import LoadedChampion
from serving.door import Door
from serving.explaining.heatmap import draw
from serving.explaining.schemas import ExplainAnswer, ExplainQuery
from serving.explaining.tiles import Tiling, tiling, without_tiles
from serving.uploads import Upload

PNG = "image/png"
Samples = NDArray[np.float32]


async def explain(request: Request) -> BaseModel | Response:
    """POST /v1/explain: JSON, or a PNG where the client accepts that alone."""
    upload, values = await body_upload(request)
    query = checked(ExplainQuery, values)
    door = door_of(request)
    stretch, answer = await while_connected(request, _explained(door, upload, query))
    if PNG not in request.headers.get("accept", ""):
        return answer
    return Response(await asyncio.to_thread(draw, stretch, answer), media_type=PNG)


async def _explained(
    door: Door, upload: Upload, query: ExplainQuery
) -> tuple[Samples, ExplainAnswer]:
    door.champion()  # refuse before decoding if there is none
    audio = await door.decoders.decode(upload.recording or b"", upload.name)
    champion = door.champion()
    start, stretch = await _stretch(door, champion, audio.waveform, query.at)
    tiles = tiling(len(stretch), query.fine)
    scores = await _scores(door, champion, stretch, tiles)
    return stretch, _answer(champion, start / SAMPLE_RATE, stretch, tiles, scores)


async def _stretch(
    door: Door, champion: LoadedChampion, waveform: Samples, at: float | None
) -> tuple[int, Samples]:
    """The first sample of a window, and the samples in it: never repeated ones."""
    window = champion.manifest.window
    starts = window_starts(len(waveform), window)
    if at is not None and at * SAMPLE_RATE >= len(waveform):
        raise InputError(
            f"at: less than the recording's {len(waveform) / SAMPLE_RATE:.2f} s expected, "
            f"found {at:g}"
        )
    if at is not None:
        middle = int(at * SAMPLE_RATE) - window.samples // 2
        start = min(starts, key=lambda place: abs(place - middle))
    elif len(starts) == 1:
        start = 0
    else:
        windows = await asyncio.to_thread(cut_windows, waveform, window)
        logits, _ = await asyncio.wrap_future(door.runners.submit(champion, windows))
        start = starts[int(cm_scores(logits).argmin())]
    return start, waveform[start : start + window.samples]


async def _scores(
    door: Door, champion: LoadedChampion, stretch: Samples, tiles: Tiling
) -> NDArray[np.floating]:
    """cm_scores (1 + tiles,) of the whole stretch, and without each tile."""
    window = champion.manifest.window

    def cut() -> Samples:
        parts = (stretch, *without_tiles(stretch, tiles))
        return np.concatenate([cut_windows(part, window) for part in parts])

    windows = await asyncio.to_thread(cut)
    logits, _ = await asyncio.wrap_future(door.runners.submit(champion, windows))
    return cm_scores(logits)


def _answer(
    champion: LoadedChampion,
    start_s: float,
    stretch: Samples,
    tiles: Tiling,
    scores: NDArray[np.floating],
) -> ExplainAnswer:
    effects = np.round(scores[1:].astype(float) - float(scores[0]), 4)
    bands, times = len(tiles.edges_hz) - 1, len(tiles.edges_s) - 1
    inner = bands * times
    return ExplainAnswer(
        model_version=champion.version,
        cm_score=float(scores[0]),
        spoof_probability=champion.calibration.spoof_probability(float(scores[0])),
        start_s=start_s,
        end_s=start_s + len(stretch) / SAMPLE_RATE,
        edges_hz=list(tiles.edges_hz),
        edges_s=[start_s + edge for edge in tiles.edges_s],
        values=effects[:inner].reshape(bands, times).tolist(),
        over_hz=effects[inner : inner + bands].tolist(),
        over_s=effects[inner + bands :].tolist(),
    )
