"""How commands print: strings as they are, never as markup, and nothing that a terminal obeys.

Only this file writes to the terminal, so that no string from outside reaches it unescaped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from models.printable import printable

if TYPE_CHECKING:
    from pydantic import BaseModel


class Screen(Console):
    """A console that prints every string, also those in tables, printable and without markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a string printable on its way to the screen."""
        return super().render_str(printable(text), **options)


def styled(*parts: str | tuple[str, str]) -> Text:
    """Printable parts, each a string or a string with its style, as one line."""
    pairs = (part if isinstance(part, tuple) else (part, "") for part in parts)
    return Text.assemble(*((printable(part), style) for part, style in pairs))


def lines(*parts: str) -> Text:
    """A cell of several lines."""
    return Text("\n").join(Text(printable(part)) for part in parts)


def echo(text: object, *, err: bool = False) -> None:
    """Print one line, on standard output or standard error."""
    typer.echo(printable(text), err=err)


def say(line: str) -> None:
    """Print a line for people on standard error, apart from the output of the command."""
    echo(line, err=True)


def echo_lines(text: str) -> None:
    """Print a document of ours, which may have several lines."""
    for line in text.rstrip("\n").split("\n"):
        echo(line)


def print_json(document: Any) -> None:
    """One JSON document on standard output; raises ValueError at nan and infinity."""
    typer.echo(json.dumps(document, allow_nan=False))


def print_model(model: BaseModel) -> None:
    """A model as one JSON document on standard output; nan becomes null."""
    print_json(json.loads(model.model_dump_json()))


def complain(error: object) -> None:
    """The last line of a command that failed: one sentence on standard error."""
    echo("; ".join(filter(None, map(str.strip, str(error).splitlines()))), err=True)
