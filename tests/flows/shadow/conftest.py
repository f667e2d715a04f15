"""A trial in a state folder of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import registry, tracking
from infra.database import open_database
from infra.settings import settings
from tests.flows.shadow.trials import WINDOW, Trial, port


@pytest.fixture
def trial(
    mlflow_state: Path, make_detector: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Trial]:
    params = mlflow_state / "params.yaml"
    params.write_text("promotion: {shadow_reviews: 40}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(params))
    monkeypatch.setenv("ANTIPHON_ENDPOINT_PORT", str(port()))
    monkeypatch.setenv("ANTIPHON_FOLLOW_INTERVAL_S", "0.2")
    numbers = itertools.count(1)

    def make(bias: float) -> int:
        name = str(next(numbers))
        folder = make_detector(mlflow_state / "made" / name, bias, WINDOW)
        return registry.register(folder, tracking.open_run(name, name, {}), {}).version

    database = open_database(settings().database_url)
    yield Trial(database, make)
    database.dispose()
