"""Requests made from valid ones by damage: each has an answer or a refusal in one sentence."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.malformed import Tally, attacks, encoded, send_all

COUNT = 96
Start = Callable[..., Any]


def test_damaged_requests_are_refused_in_one_sentence_and_harm_nobody(
    start: Start, speech: NDArray[np.float32], recording: bytes
) -> None:
    endpoint = start()
    requests = list(attacks([encoded(speech[:8000])], random.Random(7), COUNT))
    tally = Tally()
    send_all(endpoint.client, requests, tally)
    assert tally.faults == []
    statuses = {status for counts in tally.statuses.values() for status in counts}
    assert {200, 400} < statuses <= {200, 202, 400, 401, 404, 405, 409, 413, 415, 429}
    assert len(tally.statuses) > 12  # every format, as a body and in forms
    assert endpoint.score(recording).status_code == 200


def test_a_path_tells_with_405_what_it_allows(start: Start) -> None:
    answer = start().client.put("/v1/jobs/some")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}
