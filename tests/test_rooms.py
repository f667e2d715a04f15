"""The house stays readable: rooms, files and functions of a size that a person takes in."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "models", "serving", "monitoring", "infra")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FILES_OF_A_ROOM = 27  # augmentations, one file an effect, is the largest
LINES_OF_A_FILE = 250
LINES_OF_A_FUNCTION = 40
# what these say of a value, every value has
EMPTY_NAMES = {
    "asked", "each", "found", "given", "heard", "made", "ours", "said", "seen", "taken",
    "theirs", "told",
}  # fmt: skip


def test_no_room_is_crowded() -> None:
    modules = [path for path in SOURCES if path.name != "__init__.py"]
    crowded = {
        str(room.relative_to(ROOT)): files
        for room, files in Counter(path.parent for path in modules).items()
        if files > FILES_OF_A_ROOM
    }
    assert crowded == {}


def test_no_file_is_long() -> None:
    lines = {_name(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > LINES_OF_A_FILE} == {}


def test_no_function_is_long() -> None:
    long = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_a_class_has_a_name_of_its_own() -> None:
    names = Counter(
        node.name
        for path in SOURCES
        for node in _parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("folder", [*PACKAGES, "benchmarks", "tests"])
def test_a_variable_is_the_noun_of_what_it_holds(folder: str) -> None:
    empty = [
        f"{_name(path)}:{line} {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in _variables(_parsed(path))
        if name in EMPTY_NAMES
    ]
    assert empty == []


def _variables(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines and names of variables and parameters; a field's name may stand in stored files."""
    fields = {
        id(node.target)
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef)
        for node in cls.body
        if isinstance(node, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            if id(node) in fields:
                continue
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))
