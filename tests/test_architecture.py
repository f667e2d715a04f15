"""The walls of the project: who may import whom, and what names each other in two places."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.stages import STAGES
from models.params.tree import Params, params_from_mapping, read_params

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "models", "serving", "monitoring", "infra")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PIPELINE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
HEAVY = [
    "av",
    "bentoml",
    "boto3",
    "dvc",
    "evidently",
    "fastapi",
    "hibari",
    "httpx",
    "matplotlib",
    "mlflow",
    "onnx",
    "onnxruntime",
    "openvino",
    "pandas",
    "prefect",
    "pyarrow",
    "pydantic",
    "safetensors",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "sqlalchemy",
    "starlette",
    "torch",
    "torchaudio",
    "typer",
    "yaml",
]
# tables of what is written with torch
TORCH_TABLES = (
    "models.adversarial",
    "models.detectors",
    "models.explanations",
)
# their values are set by sections of params.yaml, which pydantic reads
READS_PARAMS = (
    "models.evaluation",
    "models.promotion",
)
# modules whose change cannot change what a stage writes
PLUMBING = (
    "flows/files.py",
    "models/packaging/checkpoint.py",
    "models/errors.py",
    "models/files/manifest.py",
)


def test_arrows_point_down_only_and_answering_needs_no_torch() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert f"{len(contracts['contracts'])} kept, 0 broken" in done.stdout


def test_a_package_is_imported_without_anything_heavy() -> None:
    packages = [_module(path.parent) for path in SOURCES if path.name == "__init__.py"]
    light = [name for name in packages if not name.startswith((*TORCH_TABLES, *READS_PARAMS))]
    assert _imported(light) == []
    assert _imported(list(READS_PARAMS)) == ["pydantic"]


def test_the_command_line_answers_without_loading_a_platform() -> None:
    assert set(_imported(["flows.cli"])) & {"torch", "mlflow", "prefect", "evidently"} == set()


def test_nothing_prints() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "print"
    ]
    assert printing == []  # log, or write to a console that was made for it


def test_dvc_yaml_and_the_table_of_stages_name_the_same() -> None:
    assert list(PIPELINE) == list(STAGES)
    for name, stage in PIPELINE.items():
        assert stage["cmd"].endswith(f"flows.stages {name}")


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_the_code_that_it_calls(name: str) -> None:
    declared = PIPELINE[name]["deps"]
    called = {path for path in _imports_of_stage(name) if path not in PLUMBING}
    missing = [path for path in called if not _covered(path, declared)]
    assert missing == [], f"dvc.yaml: {name} would be skipped though these have changed"


@pytest.mark.parametrize("name", PIPELINE)
def test_what_a_stage_depends_on_is_there(name: str) -> None:
    code = [d for d in PIPELINE[name]["deps"] if not d.startswith(("data", "pipeline"))]
    assert [path for path in code if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_names_sections_of_params_yaml(name: str) -> None:
    document = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert set(PIPELINE[name]["params"]) <= set(_keys(document))


def test_params_yaml_shows_every_parameter_with_its_default() -> None:
    path = ROOT / "params.yaml"
    # without a file: no effect and no copies
    assert replace(read_params(path), augmentation={}, copy_synthesis={}) == Params()
    assert set(_keys(yaml.safe_load(path.read_text()))) >= set(_parameters(Params))


def test_the_params_of_the_demo_are_valid() -> None:
    document = yaml.safe_load((ROOT / "flows/demo/params.yaml").read_text())
    assert params_from_mapping(document, "demo").detector.name == "aasist"


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert script.index("make test") < script.index("make check")
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "make test" in readme or len(readme.splitlines()) < 5, "README: name `make test`"


def test_no_folder_is_a_heap() -> None:
    banned = {"utils", "helpers", "common", "manager", "misc"}
    assert [str(p) for p in SOURCES if banned & {p.stem, *p.relative_to(ROOT).parts}] == []


def _imported(modules: list[str]) -> list[str]:
    """What heavy things a new interpreter holds after importing modules."""
    source = f"import sys, {', '.join(modules)}\nprint(*(n for n in {HEAVY} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _imports_of_stage(name: str) -> set[str]:
    """The files of ours that a stage's function, or one it calls in the same file, imports."""
    tree = _parsed(ROOT / "flows/stages.py")
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: set[str] = set()
    waiting, seen = [name], {name}
    while waiting:
        for node in ast.walk(functions[waiting.pop()]):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(_file(node.module))
            if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
                seen.add(node.id)
                waiting.append(node.id)
    return {path for path in found if path}


def _file(module: str) -> str:
    place = Path(*module.split("."))
    path = place / "__init__.py" if (ROOT / place).is_dir() else place.with_suffix(".py")
    return str(path) if (ROOT / path).is_file() else ""


def _covered(path: str, declared: list[str]) -> bool:
    return any(path == entry or path.startswith(f"{entry}/") for entry in declared)


def _module(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


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
