"""A console on an empty state without a registry: its pages about recordings need none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.monitoring.console.running import Visitor, desk_here, running


class Listener(Visitor):
    """Somebody who begins at the page Samples."""

    def csrf(self) -> str:
        """The token of the forms of this session."""
        text = self.get("/samples").text
        start = text.index("X-CSRF-Token&#34;:&#34;") + len("X-CSRF-Token&#34;:&#34;")
        return text[start : start + 64]


@pytest.fixture
def console(
    state: Path,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> Iterator[str]:
    """The address of a console that runs over an empty state folder."""
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(ROOT / "params.yaml"))
    with running(desk_here()) as address:
        yield address


@pytest.fixture
def visitor(console: str) -> Iterator[Listener]:
    """Somebody at this machine."""
    with Listener(console) as someone:
        yield someone
