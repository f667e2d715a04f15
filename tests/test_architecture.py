"""The walls of the project: who may import whom, and what names each other in two places."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp  # what import-linter reads imports with

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "models", "serving", "monitoring", "infra")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
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
# what the database holds, written with SQLAlchemy
SCHEMA = ("infra.tables",)
# their values are set by sections of params.yaml, which pydantic reads
READS_PARAMS = (
    "models.evaluation",
    "models.promotion",
)


def test_arrows_point_down_only_and_answering_needs_no_torch() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert f"{len(contracts['contracts'])} kept, 0 broken" in done.stdout


def test_no_two_modules_need_each_other() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    circles = [
        f"{module} -> {needed} -> … -> {module}"
        for module in sorted(graph.modules)
        for needed in sorted(graph.find_modules_directly_imported_by(module))
        if graph.chain_exists(importer=needed, imported=module)
    ]
    assert circles == []


def test_a_package_is_imported_without_anything_heavy() -> None:
    packages = [_module(path.parent) for path in SOURCES if path.name == "__init__.py"]
    heavy = (*TORCH_TABLES, *SCHEMA, *READS_PARAMS)
    light = [name for name in packages if not name.startswith(heavy)]
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


def test_one_file_opens_transactions() -> None:
    # what opens its own takes a lock to read, and lets outages through as tracebacks
    opening = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path.relative_to(ROOT) != Path("infra/database.py")
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"Session", "sessionmaker", "scoped_session"}
    ]
    assert opening == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert script.index("make test") < script.index("make slowtest") < script.index("make check")
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "make test" in readme or len(readme.splitlines()) < 5, "README: name `make test`"


def test_no_module_or_room_hides_one_of_python() -> None:
    # the folder of a script stands first on the path, and so does `flows/` under Prefect's runner
    names = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert names & set(sys.stdlib_module_names) == set()


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


def _module(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))
