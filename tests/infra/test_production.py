"""The production files agree with the code they start."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.machine.telemetry import SILENCE
from infra.settings import PREFIX, Settings, settings

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
KUBERNETES = INFRA / "kubernetes"
MANIFESTS = sorted(path for path in KUBERNETES.glob("*.yaml") if path.stem != "kustomization")


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text("utf-8"))
    return document


def _containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, container and pod of everything that runs in the cluster."""
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            pod = document["spec"].get("template", {}).get("spec", {})
            for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
                yield f"{path.stem}/{container['name']}", container, pod


def _read(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, re.sub(r"\$[({][^)}]*[)}]", "secret", value))
    return settings()


@pytest.mark.parametrize("service", ["worker", "endpoint", "console"])
def test_compose_gives_settings_that_are_accepted(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = _read(_compose()["services"][service]["environment"], monkeypatch, tmp_path)
    assert here.database_url == "postgresql+psycopg://antiphon:secret@postgresql/antiphon"
    assert here.tool_environment()["AWS_ENDPOINT_URL_S3"] == "http://s3:9000"


@pytest.mark.parametrize(
    "name", ["worker/worker", "endpoint/endpoint", "console/console", "loop-metrics/loop-metrics"]
)
def test_the_cluster_gives_settings_that_are_accepted(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = (KUBERNETES / "settings.env").read_text("utf-8").split()
    environment = dict(line.split("=", 1) for line in lines)
    (container,) = [container for kind, container, _ in _containers() if kind == name]
    environment |= {entry["name"]: entry.get("value", "secret") for entry in container["env"]}
    here = _read(environment, monkeypatch, tmp_path)
    assert here.database_url == "postgresql+psycopg://antiphon:secret@postgresql/antiphon"
    assert here.mlflow_tracking_uri == "http://mlflow:5000"


def test_no_password_has_a_default() -> None:
    text = (INFRA / "compose.yaml").read_text("utf-8")
    for variable in re.findall(r"\$\{[^}]*\}", text):
        assert variable.endswith(":?}"), f"{variable} would start without being set"


def test_pages_without_a_login_are_open_to_this_host_alone() -> None:
    for name, service in _compose()["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_the_images_report_no_usage() -> None:
    dockerfile = (INFRA / "docker" / "Dockerfile").read_text("utf-8")
    for name, value in SILENCE.items():
        assert f"{name}={value}" in dockerfile


def test_mlflow_runs_no_jobs_for_strangers() -> None:
    compose = _compose()["services"]["mlflow"]["environment"]
    assert compose["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    (container,) = [container for name, container, _ in _containers() if name == "mlflow/mlflow"]
    cluster = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert cluster["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_nothing_in_the_cluster_runs_as_root() -> None:
    names = []
    for name, container, pod in _containers():
        names.append(name)
        assert pod["securityContext"]["runAsNonRoot"], name
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
    assert len(names) >= 7


def test_every_service_of_one_host_is_in_the_cluster_too() -> None:
    in_cluster = {name.partition("/")[2] for name, _, _ in _containers()}
    outside = {"s3", "bucket", "prometheus", "grafana"}  # docs/production.md: bring your own
    assert set(_compose()["services"]) - outside <= in_cluster


def test_modules_that_containers_start_exist() -> None:
    commands = [container.get("command", []) for _, container, _ in _containers()]
    commands += [service.get("command", []) for service in _compose()["services"].values()]
    modules = [line[line.index("-m") + 1] for line in commands if "-m" in line]
    assert set(modules) == {"flows.servers.console", "flows.servers.loop_metrics"}
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_every_manifest_is_listed() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS]


def test_deployments_name_flows_that_exist() -> None:
    document = yaml.safe_load((INFRA / "prefect.yaml").read_text("utf-8"))
    assert len(document["deployments"]) == 4
    for deployment in document["deployments"]:
        module, function = deployment["entrypoint"].rsplit(".", 1)
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8"))
        assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        assert deployment["concurrency_limit"] == 1


def test_the_schedules_are_those_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = _read({}, monkeypatch, tmp_path)
    document = yaml.safe_load((INFRA / "prefect.yaml").read_text("utf-8"))
    scheduled = [d["schedules"][0] for d in document["deployments"] if "schedules" in d]
    retrain, *looks = scheduled
    assert retrain["cron"] == here.retraining_cron
    assert {look["interval"] for look in looks} == {here.monitoring_interval_min * 60}


def test_the_image_holds_everything_a_cycle_copies() -> None:
    ignored = (INFRA / "docker" / "Dockerfile.dockerignore").read_text("utf-8").split()
    copied = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    packages = {"flows", "infra", "models", "monitoring", "serving"}
    assert copied >= {*packages, "pipeline", "dvc.yaml", "params.yaml", ".dvcignore"}
    for name in copied:
        assert (ROOT / name).exists(), name
    assert ignored.index("!flows") < ignored.index("flows/lab")  # the last line that fits decides
    assert ignored.index("!flows") < ignored.index("flows/demo")
