"""Cycles as Prefect runs them: scheduled, in processes of its own, and cancelled on its page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from flows.places import engine
from flows.servers.local import RunningServer, deployments, running, wait_until_healthy
from infra import ledger, registry
from infra.datasets.registry import DatasetRegistry
from infra.settings import settings
from infra.tables import Cycle
from tests.flows.cycle_loop import ONE_STEP, PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WITH_HELPERS = {**ONE_STEP, "training": {**ONE_STEP["training"], "loader_workers": 1}}
ENDLESS = {"epochs": 100_000, "learning_rate": 1e-6}
FOR_EVER = {
    **ONE_STEP,
    "training": {**ONE_STEP["training"], **ENDLESS, "patience": 100_000},
    "fine_tuning": ENDLESS,  # where the cycle before it left a champion
}


@pytest.fixture(scope="module")
def runner(
    tmp_path_factory: pytest.TempPathFactory,
    prefect_server: None,  # noqa: ARG001
    migrated_mlflow: Path,
    tone_corpus: Path,
) -> Iterator[RunningServer]:
    """The process of the deployments, beside a Prefect server."""
    from prefect.settings import PREFECT_API_URL

    state = tmp_path_factory.mktemp("scheduled")
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    own = {
        "ANTIPHON_STATE_DIR": str(state), "ANTIPHON_PARAMS_FILE": str(state / "params.yaml"),
        "ANTIPHON_ENDPOINT": "none", "ANTIPHON_DEVICE": "cpu", "OMP_NUM_THREADS": "1",
        "ANTIPHON_PREFECT_API_URL": str(PREFECT_API_URL.value()), "PYTHONPATH": str(PROJECT),
        "ANTIPHON_RETRAINING_CRON": "0 3 1 1 *", "ANTIPHON_MONITORING_INTERVAL_MIN": "10000",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1", "PREFECT_LOGGING_LEVEL": "INFO",
    }  # fmt: skip
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in own.items():
            patch.setenv(name, value)
        patch.chdir(tmp_path_factory.mktemp("work"))
        for name in ("platform", "queue", "yaml"):  # as a person's folder may have
            Path(f"{name}.py").write_text("raise ImportError('of the working folder')\n")
        DatasetRegistry.of(settings()).put_corpus("base", tone_corpus, "Put base")
        server = deployments(settings())
        environment = {**server.environment, "ANTIPHON_ENDPOINT": "none"}
        server = type(server)(**{**vars(server), "environment": environment})
        (started,) = stack.enter_context(running([server], state / "logs"))
        wait_until_healthy([started], lambda _: None)
        yield started


def call(method: str, path: str, **document: Any) -> Any:
    """Ask Prefect's server."""
    url = f"{settings().prefect_api_url}/{path}"
    until = time.monotonic() + 60
    answer = httpx.Response(httpx.codes.SERVICE_UNAVAILABLE)  # as while its database is locked
    while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < until:
        answer = httpx.request(method, url, json=document or None, timeout=60.0, trust_env=False)
    return answer.raise_for_status().json() if answer.content else None


def start_cycle(params: dict[str, Any]) -> str:
    """A run of the deployment, due now, as the schedule makes one; its id."""
    (settings().params_file).write_text(yaml.safe_dump(params))
    deployment = call("GET", "deployments/name/retraining-cycle/default")
    run = call(
        "POST", f"deployments/{deployment['id']}/create_flow_run", state={"type": "SCHEDULED"}
    )
    return str(run["id"])


def wait_for(holds: Callable[[], bool], log: Path, within_s: float = 300.0) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, log.read_text()[-4000:]
        time.sleep(0.3)


def state_of(run: str) -> str:
    return str(call("GET", f"flow_runs/{run}")["state"]["type"])


def last_cycle() -> Cycle:
    return ledger.recent_cycles(engine(), limit=1)[0]


def test_a_scheduled_cycle_runs_whole_and_leaves_no_traceback(runner: RunningServer) -> None:
    run = start_cycle(WITH_HELPERS)
    wait_for(lambda: state_of(run) in ("COMPLETED", "FAILED", "CRASHED"), runner.log)
    log = runner.log.read_text()
    assert state_of(run) == "COMPLETED", log[-4000:]
    assert "Traceback" not in log and "which worked ahead, ended" not in log
    assert (last_cycle().outcome, registry.champion() is not None) == ("promoted", True)
    deployment = call("GET", "deployments/name/retraining-cycle/default")
    assert deployment["entrypoint"] == "flows.retrain.retraining_cycle"


def test_a_cycle_cancelled_on_prefects_page_ends_its_training_and_is_cancelled(
    runner: RunningServer,
) -> None:
    cycles = settings().state_dir / "cycles"
    run = start_cycle(FOR_EVER)
    wait_for(lambda: any(cycles.glob("*/pipeline/checkpoints/train.pt")), runner.log)
    stages = [
        child
        for child in psutil.Process(runner.process.pid).children(recursive=True)
        if "flows.stages" in " ".join(child.cmdline())
    ]
    assert stages
    call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    wait_for(lambda: last_cycle().outcome is not None, runner.log, 90.0)
    assert (last_cycle().outcome, last_cycle().summary) == (
        "cancelled", {"reason": "stopped by SIGTERM"},
    )  # fmt: skip
    assert not psutil.wait_procs(stages, timeout=20)[1]
    wait_for(lambda: state_of(run) == "CANCELLED", runner.log, 60.0)
