"""A progress bar on stderr, where somebody looks and tqdm is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """The interface of a progress bar."""

    def update(self, n: int = 1) -> object:
        """`n` more are done."""

    def set_postfix_str(self, s: str) -> object:
        """Show `s` beside the bar."""


class _Silent:
    def update(self, n: int = 1) -> None: ...

    def set_postfix_str(self, s: str) -> None: ...


@contextmanager
def progress_bar(total: int, description: str, wanted: bool, done: int = 0) -> Iterator[Bar]:
    """A bar over `total` pieces of work of which `done` are done; silent unless at a terminal."""
    if not (wanted and sys.stderr.isatty() and importlib.util.find_spec("tqdm")):
        yield _Silent()
        return
    from tqdm import tqdm

    with tqdm(
        total=total, initial=done, desc=description, file=sys.stderr, dynamic_ncols=True
    ) as bar:
        yield bar
