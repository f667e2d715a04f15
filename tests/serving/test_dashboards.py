"""Dashboards and alert rules, by a real Prometheus that scrapes a real endpoint and the loop.

Grafana publishes no schema of its dashboards that could be run here; DASHBOARD is the part of its
documented model (schemaVersion 39) that these files use.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from jsonschema import validate

from infra import audit, field_samples, ledger, registry
from infra.audit import Event
from infra.comparisons import Look, record_looks
from infra.database import open_database
from infra.settings import Settings
from infra.tables import DriftCheck
from models.params.tree import read_params
from monitoring.alerts.alert import Alert, AlertKind
from monitoring.alerts.outbox import raise_alerts
from monitoring.loop_metrics import loop_metrics
from tests.serving.test_service import Served, place, registered, running

__all__ = ["place", "registered"]  # fixtures

pytestmark = pytest.mark.slow
INFRA = Path(__file__).parents[2] / "infra"
RULES = INFRA / "prometheus" / "rules.yaml"
DASHBOARDS = sorted((INFRA / "grafana" / "dashboards").glob("*.json"))
SOURCE = {
    "type": "object",
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
    "required": ["type", "uid"],
}
STEP = {
    "type": "object",
    "properties": {"color": {"type": "string"}, "value": {"type": ["number", "null"]}},
    "required": ["color", "value"],
    "additionalProperties": False,
}
PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "gridPos", "datasource", "fieldConfig", "targets"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["timeseries", "stat", "table"]},
        "title": {"type": "string", "minLength": 1},
        "datasource": SOURCE,
        "gridPos": {
            "type": "object",
            "required": ["x", "y", "w", "h"],
            "properties": {
                "x": {"type": "integer", "minimum": 0, "maximum": 23},
                "y": {"type": "integer", "minimum": 0},
                "w": {"type": "integer", "minimum": 1, "maximum": 24},
                "h": {"type": "integer", "minimum": 2},
            },
        },
        "fieldConfig": {
            "type": "object",
            "required": ["defaults", "overrides"],
            "properties": {
                "defaults": {
                    "type": "object",
                    "required": ["unit", "thresholds"],
                    "properties": {
                        "thresholds": {
                            "type": "object",
                            "required": ["mode", "steps"],
                            "properties": {"steps": {"type": "array", "items": STEP}},
                        }
                    },
                }
            },
        },
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["refId", "expr", "datasource"],
                "properties": {
                    "refId": {"type": "string", "pattern": "^[A-Z]$"},
                    "expr": {"type": "string", "minLength": 1},
                    "datasource": SOURCE,
                },
            },
        },
    },
}
DASHBOARD = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "annotations", "time"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-z-]{1,40}$"},
        "schemaVersion": {"const": 39},
        "panels": {"type": "array", "minItems": 1, "items": PANEL},
    },
}
# nothing of it happens here: no 5xx, no worn-out budget, no promotion while Prometheus looks
MAY_BE_EMPTY = {"changes(antiphon_loop_champion_version[2m]) > 0"}


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip("needs prometheus and promtool: apt-get install prometheus")
    return path


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_one_that_grafana_reads(file: Path) -> None:
    document = json.loads(file.read_text("utf-8"))
    validate(document, DASHBOARD)
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in document["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"


def test_every_rule_fires_when_it_should_and_not_before() -> None:
    tool = program("promtool")
    for arguments in (
        ("check", "rules", "rules.yaml"),
        ("check", "config", "prometheus.yaml"),
        ("test", "rules", "rules_test.yaml"),
    ):
        done = subprocess.run(
            [tool, *arguments], cwd=RULES.parent, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
    tested = yaml.safe_load((RULES.parent / "rules_test.yaml").read_text("utf-8"))["tests"]
    fired = {
        name
        for test in tested
        for name in (
            *(t["alertname"] for t in test.get("alert_rule_test", ()) if t["exp_alerts"]),
            *re.findall(r'alertname="(\w+)"', json.dumps(test).replace("\\", "")),
        )
    }
    assert fired == rules().keys()
    handbook = (INFRA.parent / "docs" / "alerts.md").read_text("utf-8").lower()
    assert [name for name in rules() if f"`{name.lower()}`" not in handbook] == []


def rules() -> dict[str, str]:
    """The expression of each alert."""
    document = yaml.safe_load(RULES.read_text("utf-8"))
    return {rule["alert"]: rule["expr"] for group in document["groups"] for rule in group["rules"]}


def queries() -> set[str]:
    """Every expression of the dashboards."""
    documents = [json.loads(file.read_text("utf-8")) for file in DASHBOARDS]
    panels = {t["expr"] for d in documents for panel in d["panels"] for t in panel["targets"]}
    return panels | {note["expr"] for d in documents for note in d["annotations"]["list"]}


def fill(here: Settings, request_id: str) -> None:
    """A loop in which each thing has happened once."""
    engine, now = open_database(here.database_url), datetime.now(UTC)
    signal = {"name": "cm_score", "group": "score", "value": 0.9, "threshold": 0.5, "moved": True}
    report = {"rows": 500, "reasons": ["cm_score moved"], "signals": [signal]}
    ledger.write_drift_check(
        engine, DriftCheck(checked_at=now, model_version=1, status="drift", report=report)
    )
    audit.append(engine, Event.PROMOTION, "a cycle", {"version": 1, "champion_before": None})
    record_looks(engine, "run", "reject", [Look("frozen", "v", 10, 10, 5, 0.01)])
    sample = field_samples.flag(engine, request_id, "spoof")
    field_samples.start_review(engine, sample.id, "berta")
    field_samples.accept(engine, sample.id, "berta", "spoof")
    raise_alerts(engine, [Alert("k", AlertKind.TEST, "a test", "", now)], ["webhook"], now)
    ledger.request_cycle(engine, "drift", "cm_score moved")
    engine.dispose()


@contextmanager
def loop_served(here: Settings) -> Iterator[int]:
    """The metrics of the loop on a port."""
    params = here.state_dir / "params.yaml"
    params.write_text("retraining: {budget_min: 600.0}\n")
    app = loop_metrics(lambda: open_database(here.database_url), lambda: read_params(params))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@contextmanager
def prometheus(folder: Path, port: int, endpoint: int, loop: int) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes both every second."""
    jobs = {"antiphon-endpoint": endpoint, "antiphon-loop": loop}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{at}"]}]}
            for name, at in jobs.items()
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    command = [program("prometheus"), f"--config.file={folder}/prometheus.yaml"]
    command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30.0) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def ask(client: httpx.Client, expression: str) -> list[Any]:
    """The samples of an expression now; fails where Prometheus refuses it."""
    answer = client.get("/query", params={"query": expression}).json()
    assert answer["status"] == "success", (expression, answer)
    samples: list[Any] = answer["data"]["result"]
    return samples


def wait_for(client: httpx.Client, expression: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if ask(client, expression):
                return
        except (httpx.TransportError, json.JSONDecodeError):  # it starts
            pass
        assert time.monotonic() < until, expression
        time.sleep(0.3)


def test_every_query_has_an_answer_and_every_metric_exists(
    place: Settings,
    registered: list[int],
    recording: bytes,
    tmp_path: Path,
    free_port: Callable[[], int],
) -> None:
    program("prometheus")
    registry.set_champion(registered[0], expected=None)
    with running(place, "dashboards.txt") as served, loop_served(place) as loop:
        served.wait_for("/readyz", lambda response: response.status_code == 200)
        answer = score(served, recording).json()
        fill(place, answer["request_id"])
        assert score(served, b"no audio").status_code == 400
        with prometheus(tmp_path, free_port(), place.endpoint_port, loop) as client:
            began = datetime.now(UTC)
            wait_for(client, "antiphon_loop_champion_version")
            while datetime.now(UTC) < began + timedelta(seconds=6):
                score(served, recording)
                score(served, b"no audio")  # refused with 400
            cycle_begins_and_ends(place)
            wait_for(client, 'increase(antiphon_loop_cycles_total{outcome="failed"}[2m]) > 0')
            wait_for(client, 'ALERTS{alertname="CycleFailed",alertstate="firing"}')
            names = client.get("/label/__name__/values").json()["data"]
            empty = {query for query in queries() - MAY_BE_EMPTY if not ask(client, query)}
            alarms = {s["metric"]["alertname"] for s in ask(client, 'ALERTS{alertstate="firing"}')}
            for expression in rules().values():
                ask(client, expression)
    assert empty == set()
    used = {
        n for e in {*queries(), *rules().values()} for n in re.findall(r"\w+_\w+\b(?=[{\[)])", e)
    }
    assert {name for name in used if name.startswith(("antiphon", "bentoml"))} - set(names) == set()
    assert alarms == {"Drift", "CycleFailed"}


def score(served: Served, recording: bytes) -> httpx.Response:
    return served.client.post("/score", files={"audio": ("a.flac", recording)})


def cycle_begins_and_ends(here: Settings) -> None:
    engine = open_database(here.database_url)
    cycle = ledger.claim_cycle(engine, lease_s=300)
    assert cycle is not None
    ledger.finish(engine, cycle, "failed", {"reason": "no clips"})


def test_metrics_of_a_loop_whose_database_is_away_are_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    here = Settings(state_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/file/antiphon.db")
    with loop_served(here) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text
