"""dvc.yaml and params.yaml agree with the code: names, defaults, and what each stage depends on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.stages import STAGES
from models import tables
from models.params.tree import Params, params_from_mapping, read_params

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "models", "serving", "monitoring", "infra")
PIPELINE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_dvc_yaml_and_the_table_of_stages_name_the_same() -> None:
    assert list(PIPELINE) == list(STAGES)
    for name, stage in PIPELINE.items():
        assert stage["cmd"].endswith(f"flows.stages {name}")


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_the_rooms_that_its_code_comes_from_and_no_others(name: str) -> None:
    code = [path for path in PIPELINE[name]["deps"] if path.startswith(PACKAGES)]
    assert code == sorted({_room(path) for path in _code_of_stage(name)})


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_names_sections_of_params_yaml(name: str) -> None:
    document = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert set(PIPELINE[name]["params"]) <= set(_keys(document))


def test_params_yaml_shows_every_parameter_with_its_default() -> None:
    path = ROOT / "params.yaml"
    assert read_params(path) == Params()
    assert set(_keys(yaml.safe_load(path.read_text()))) >= set(_parameters(Params))


def test_the_params_of_the_demo_are_valid() -> None:
    document, aasist = (
        yaml.safe_load((ROOT / f"flows/demo/{name}.yaml").read_text())
        for name in ("params", "aasist")
    )
    assert params_from_mapping(document, "demo").detector.name == "probes"
    assert params_from_mapping({**document, **aasist}, "demo").detector.name == "aasist"


def _code_of_stage(name: str) -> set[Path]:
    """The files of ours that are imported before or while a stage runs, relative to the root."""
    tree = _parsed(Path("flows/stages.py"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    nodes: list[ast.AST] = [*outside, *_called(name, functions), functions["run"]]
    waiting = [module for node in nodes for module in _imports(node)]
    files = {Path("flows/stages.py")}
    while waiting:
        path = _file(waiting.pop())
        if path and path not in files:
            files.add(path)
            waiting.extend(_imports(_parsed(path)))
            waiting.extend(_resolved_modules(_parsed(path)))
    return files


def _resolved_modules(tree: ast.AST) -> Iterator[str]:
    """Modules that a file imports lazily, by tables of models/tables.py."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == tables.LazyTable.__name__:
            (argument,) = node.args
            places = getattr(tables, _original(argument, tree))
            yield from (place.partition(":")[0] for place in places.values())


def _original(name: ast.expr, tree: ast.AST) -> str:
    """What a name of models.tables is called there: `tables.CODECS`, or imported as another."""
    if isinstance(name, ast.Attribute):
        return name.attr
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    aliases = [alias for node in imports for alias in node.names]
    return next(a.name for a in aliases if (a.asname or a.name) == ast.unparse(name))


def _called(name: str, functions: dict[str, ast.FunctionDef]) -> list[ast.FunctionDef]:
    """A function of flows/stages.py and those of the same file that it calls in turn."""
    waiting, names = [name], {name}
    while waiting:
        for node in ast.walk(functions[waiting.pop()]):
            if isinstance(node, ast.Name) and node.id in functions and node.id not in names:
                names.add(node.id)
                waiting.append(node.id)
    return [functions[called] for called in names]


def _imports(tree: ast.AST) -> Iterator[str]:
    """Modules and packages of ours that a tree imports, save for type checkers alone."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.ImportFrom) and tree.module and tree.module.startswith(PACKAGES):
        parts = tree.module.split(".")
        yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))
        yield from (f"{tree.module}.{alias.name}" for alias in tree.names)
    for child in ast.iter_child_nodes(tree):
        yield from _imports(child)


def _file(module: str) -> Path | None:
    place = Path(*module.split("."))
    path = place / "__init__.py" if (ROOT / place).is_dir() else place.with_suffix(".py")
    named = path.parts[1:] != ("__init__.py",)  # a top-level __init__ holds one docstring
    return path if named and (ROOT / path).is_file() else None


def _room(path: Path) -> str:
    return "/".join(path.parts[:2])


def _parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def _keys(document: dict[str, Any], above: str = "") -> Iterator[str]:
    for key, value in document.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{key}.")


def _parameters(cls: Any, above: str = "") -> Iterator[str]:
    for field in fields(cls):
        yield f"{above}{field.name}"
        default = field.default_factory() if callable(field.default_factory) else None
        if is_dataclass(default):
            yield from _parameters(default, f"{above}{field.name}.")
