"""A cycle that is stopped while it trains, by what a supervisor sends or by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from flows.places import engine
from infra import ledger
from infra.datasets.registry import DatasetRegistry
from infra.mlflow_client import connect
from infra.settings import settings
from tests.flows.cycle_loop import ONE_STEP, PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FOR_EVER = {**ONE_STEP, "training": {**ONE_STEP["training"], "epochs": 100_000}}
LEASE_S = 5.0  # renewed four times as often: a busy machine keeps it


@pytest.fixture
def environment(
    mlflow_state: Path,
    prefect_server: None,  # noqa: ARG001
    tone_corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """A platform whose training does not end by itself."""
    from prefect.settings import PREFECT_API_URL

    params = mlflow_state / "params.yaml"
    params.write_text(yaml.safe_dump(FOR_EVER))
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(params))
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    monkeypatch.setenv("ANTIPHON_PREFECT_API_URL", str(PREFECT_API_URL.value()))
    DatasetRegistry.of(settings()).put_corpus("base", tone_corpus, "Put base")
    return {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def retrain(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], psutil.Process]]:
    """Starts `antiphon retrain` and returns once it has a checkpoint of its training."""
    started: list[psutil.Popen] = []

    def start() -> psutil.Process:
        with (tmp_path / "retrain.log").open("wb") as log:
            process = psutil.Popen(
                [sys.executable, "-m", "flows.cli", "retrain"],
                cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        started.append(process)
        until = time.monotonic() + 300
        while not checkpoints():
            assert process.poll() is None, (tmp_path / "retrain.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        return process

    yield start
    for process in started:
        with suppress(psutil.NoSuchProcess):  # a failed test has left it
            for left in (*process.children(recursive=True), process):
                left.kill()
        process.wait()


def checkpoints() -> list[Path]:
    return list(settings().state_dir.glob("cycles/*/pipeline/checkpoints/train.pt"))


@pytest.mark.parametrize(
    ("ending", "statuses", "reason"),
    [
        (signal.SIGTERM, {128 + signal.SIGTERM}, "stopped by SIGTERM"),
        (signal.SIGINT, {130}, "stopped by Ctrl-C"),
    ],
)
def test_what_was_asked_to_end_ends_its_training_and_says_so(
    retrain: Callable[[], psutil.Process],
    tmp_path: Path,
    ending: signal.Signals,
    statuses: set[int],
    reason: str,
) -> None:
    process = retrain()
    children = process.children(recursive=True)
    assert any("flows.stages" in " ".join(child.cmdline()) for child in children)
    process.send_signal(ending)
    assert process.wait(timeout=60) in statuses
    assert not psutil.wait_procs(children, timeout=10)[1]

    (cycle,) = ledger.recent_cycles(engine())
    assert (cycle.outcome, cycle.running) == ("cancelled", None)
    assert cycle.summary == {"reason": reason}
    client = connect(settings())
    experiment = client.get_experiment_by_name("antiphon").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.info.status == "KILLED"
    assert len(checkpoints()) == 1
    log = (tmp_path / "retrain.log").read_text()
    assert f"cycle {cycle.id} cancelled: {reason}" in log
    assert "Traceback" not in log


def test_ctrl_c_in_a_terminal_is_no_outage_of_the_embedded_prefect(
    retrain: Callable[[], psutil.Process], environment: dict[str, str], tmp_path: Path
) -> None:
    """It reaches every process of the group."""
    for name in ("ANTIPHON_PREFECT_API_URL", "PREFECT_API_URL"):
        environment.pop(name, None)
    process = retrain()
    children = process.children(recursive=True)
    assert any("uvicorn" in " ".join(child.cmdline()) for child in children)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert [cycle.outcome for cycle in ledger.recent_cycles(engine())] == ["cancelled"]
    log = (tmp_path / "retrain.log").read_text()
    assert "cannot be reached" not in log and "ERROR" not in log and "Traceback" not in log


def test_a_killed_cycle_takes_its_training_along_and_the_next_one_starts_cleanly(
    retrain: Callable[[], psutil.Process],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    process = retrain()
    children = process.children(recursive=True)
    process.kill()
    assert not psutil.wait_procs(children, timeout=20)[1]

    (settings().state_dir / "params.yaml").write_text(yaml.safe_dump(ONE_STEP))
    time.sleep(LEASE_S)  # after it, the killed cycle may be superseded
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "retrain"],
        cwd=tmp_path, env={**environment, "ANTIPHON_LEASE_S": str(LEASE_S)}, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [cycle.outcome for cycle in ledger.recent_cycles(engine())] == ["promoted", "failed"]
