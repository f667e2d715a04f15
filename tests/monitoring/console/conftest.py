"""A console on an empty state, and visitors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.monitoring.console.running import Visitor, desk_here, running


@pytest.fixture
def console(
    mlflow_state: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[str]:
    """The address of a console that runs over an empty state folder."""
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(ROOT / "params.yaml"))
    with running(desk_here()) as address:
        yield address


@pytest.fixture
def visitor(console: str) -> Iterator[Visitor]:
    """Somebody at this machine."""
    with Visitor(console) as someone:
        yield someone
