"""POST /v1/explain: occlusion through the served graph, without torch in the endpoint."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from serving.explaining.tiles import from_points, tiling, to_points, without_tiles
from tests.serving.api.test_scoring import refused
from tests.serving.conftest import wav
from tests.tolerances import rounding

Start = Callable[..., Any]


def test_the_tiles_are_those_of_the_explanations_with_torch(speech: NDArray[np.float32]) -> None:
    import torch

    from models.explanations import time_frequency

    waveform = torch.from_numpy(speech)
    points = time_frequency.to_points(waveform[None])[0].numpy().T
    assert to_points(speech) == pytest.approx(points, abs=1e-4)
    assert from_points(to_points(speech), len(speech)) == pytest.approx(speech, abs=1e-5)
    tiles = tiling(len(speech), fine=True)
    assert len(tiles.masks) == 8 * 12 + 8 + 12
    parts = list(without_tiles(speech, tiles))
    for number in (0, 40, 100, 115):
        time, band = tiles.masks[number]
        erased = torch.from_numpy(np.outer(band, time))
        expected = time_frequency.without(waveform, erased[None])[0].numpy()
        assert parts[number] == pytest.approx(expected, abs=1e-4)


def test_an_explanation_says_what_the_score_would_be_without_each_part(
    start: Start, speech: NDArray[np.float32]
) -> None:
    endpoint = start(alias=2)  # its score is 2 and the power: each part takes some away
    window = speech[:8000]
    files = {"audio": ("a.wav", wav(window))}
    answer = endpoint.client.post("/v1/explain", files=files).json()
    power = float(np.square(window, dtype=np.float64).mean())
    assert answer["cm_score"] == pytest.approx(2 + power, rel=rounding(8000), abs=1e-4)
    assert (answer["start_s"], answer["end_s"], answer["model_version"]) == (0.0, 0.5, 2)
    assert np.array(answer["values"]).shape == (4, 5)
    assert sum(answer["over_hz"]) == pytest.approx(-power, rel=0.1)
    alone = endpoint.score(wav(window)).json()
    assert answer["cm_score"] == pytest.approx(alone["cm_score"], abs=1e-4)


def test_an_explanation_is_a_picture_for_who_asks_for_one(start: Start, recording: bytes) -> None:
    response = start().client.post(
        "/v1/explain?at=1.2", content=recording,
        headers={"Content-Type": "audio/wav", "Accept": "image/png"},
    )  # fmt: skip
    assert response.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(response.content))
    assert picture.size == (990, 496)
    colours = np.asarray(picture).reshape(-1, 3)
    assert (colours[:, 0].astype(int) - colours[:, 2] > 60).any() or (
        colours[:, 2].astype(int) - colours[:, 0] > 60
    ).any()


def test_an_explanation_of_what_is_not_there_is_refused(start: Start, recording: bytes) -> None:
    client = start().client
    files = {"audio": ("a.wav", recording)}
    assert "2.00 s expected" in refused(client.post("/v1/explain?at=99", files=files), 400)
    refused(client.post("/v1/explain?at=-1", files=files), 400)
    refused(client.post("/v1/explain?source=x", files=files), 400)
