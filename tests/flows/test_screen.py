"""What is printed is what is there, and only one file prints."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.table import Table

from flows.screen import Screen, complain, echo, lines, styled
from tests.test_printable import HOSTILE

FLOWS = Path(__file__).resolve().parents[2] / "flows"


def printed(*things: object) -> str:
    stream = io.StringIO()
    Screen(file=stream, width=1_000, force_terminal=False).print(*things)
    return stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_string_in_any_place_of_a_table_is_shown_and_not_obeyed(text: str) -> None:
    table = Table(text, "head", title=text, caption=text)
    table.add_row(text, lines("first", text))
    table.add_row(styled(text, (text, "red")), "")
    shown = printed(table, text, styled(text))
    assert "\x1b" not in shown and "\u202e" not in shown and "\x07" not in shown
    assert len(shown.splitlines()) == len(printed(_same_table(), "text", "text").splitlines())
    shown.encode()


def _same_table() -> Table:
    table = Table("text", "head", title="text", caption="text")
    table.add_row("text", lines("first", "text"))
    table.add_row("text", "")
    return table


def test_markup_is_printed_as_it_was_written() -> None:
    assert "[/b] odd :smiley:" in printed("[/b] odd :smiley:")


def test_a_line_stays_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for text in HOSTILE:
        echo(text)
        complain(f"antiphon: {text}")
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == len(captured.err.splitlines()) == len(HOSTILE)
    assert "\x1b" not in captured.out + captured.err


def test_only_the_screen_writes_to_the_terminal() -> None:
    # a string that a command prints by another way is one that a client can break it with
    others = [
        f"{path.relative_to(FLOWS)}: {word}"
        for path in sorted(FLOWS.rglob("*.py"))
        if path.name != "screen.py"
        for word in _ways_to_print(ast.parse(path.read_text("utf-8")))
    ]
    assert others == ["stages.py: sys.stderr.write", "stages.py: sys.stderr.write"]  # see there


def _ways_to_print(tree: ast.AST) -> list[str]:
    names = {"rich.console.Console", "rich.markup.escape", "typer.secho", "typer.echo"}
    attributes = {"typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    ways = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing_only:
            imported = {f"{node.module}.{alias.name}" for alias in node.names}
            ways += sorted(imported & {*names, "rich.text.Text", "rich.print"})
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in attributes:
            ways.append(ast.unparse(node))
    return ways
