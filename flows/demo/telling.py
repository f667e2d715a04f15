"""How the demo speaks: plain sentences on the screen, the same facts as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.screen import Screen, styled
from models.files.whole_files import write_json


@dataclass
class Telling:
    """The story so far."""

    console: Screen = field(default_factory=Screen)
    facts: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def act(self, title: str) -> None:
        """Begin an act."""
        self.console.print()
        self.console.print(styled((title, "bold")))

    def say(self, sentence: str) -> None:
        """One sentence of the story."""
        self.console.print(sentence)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something long is going on."""
        began = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(what):
                yield
        else:
            self.say(f"{what} …")
            yield
        self.console.print(styled((f"{what}: {time.monotonic() - began:.0f} s", "dim")))

    def keep(self, **facts: Any) -> None:
        """Remember figures."""
        self.facts.update(facts)

    def write(self, path: Path | None) -> None:
        """End the story; write the facts where that was asked for."""
        self.facts["seconds"] = round(time.monotonic() - self.began, 1)
        if path is not None:
            write_json(path, self.facts)


def percent(rate: float) -> str:
    """A rate for people."""
    return f"{100 * rate:.1f} %"
