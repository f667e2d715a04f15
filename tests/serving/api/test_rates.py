"""How often a token may ask, and how many requests are answered at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from serving.api import rates
from serving.api.rates import RateLimit
from serving.errors import BusyError
from tests.serving.api.test_scoring import refused

Start = Callable[..., Any]


def test_a_bucket_of_a_minute_fills_as_time_passes() -> None:
    now = [0.0]
    limit = RateLimit(6, clock=lambda: now[0])
    for _ in range(6):
        limit.count("a")
    with pytest.raises(BusyError, match="try again in 10 s") as refusal:
        limit.count("a")
    assert refusal.value.retry_s == 10
    limit.count("b")  # has a bucket of its own
    now[0] = 9.9
    with pytest.raises(BusyError):
        limit.count("a")
    now[0] = 10.1
    limit.count("a")


def test_the_buckets_of_many_callers_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "CALLERS", 10)
    limit = RateLimit(1)
    for caller in range(100):
        limit.count(str(caller))
    assert len(limit._buckets) == 10


def test_a_token_that_asks_too_often_is_told_when_to_try_again(start: Start) -> None:
    client = start(a_minute=2).client
    assert [client.get("/v1/model").status_code for _ in range(2)] == [200, 200]
    response = client.get("/v1/model")
    assert "at most 2 requests a minute" in refused(response, 429)
    assert 25 <= int(response.headers["retry-after"]) <= 30
    assert client.get("/docs").status_code == 200


def test_a_request_beyond_the_places_is_told_to_try_again(start: Start) -> None:
    client = start(places=0).client
    response = client.get("/v1/model")
    assert "requests at once" in refused(response, 429)
    assert response.headers["retry-after"] == "1"
