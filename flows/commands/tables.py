"""Tables that can be read on a terminal of 80 columns: one row, one line."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from models.printable import printable


def lines_table(*fixed: str, rest: str) -> Table:
    """A table without separators: only the column `rest` gives way where a line is too short."""
    columns = [Column(name, no_wrap=True) for name in fixed]
    return Table(*columns, rest, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)


def figures_table(*names: str, figures: tuple[str, ...]) -> Table:
    """A table of numbers, which are never wrapped; long names fold, so that they stay whole."""
    first = [Column(name, overflow="fold") for name in names]
    numbers = [Column(name, no_wrap=True, justify="right") for name in figures]
    return Table(*first, *numbers, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)


def one_line(text: str, width: int | None = None) -> Text:
    """A cell that is cut at the end of its column, or at `width` characters, never wrapped."""
    line = Text(printable(" ".join(text.split())), no_wrap=True, overflow="ellipsis")
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line


def facts_table(facts: dict[str, str | list[str] | None]) -> Table:
    """A line or more for each name and its value; names without a value are left out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in facts.items():
        values = value if isinstance(value, list) else [value or ""]
        for place, line in enumerate(filter(None, values)):
            table.add_row("" if place else name, line)
    return table
