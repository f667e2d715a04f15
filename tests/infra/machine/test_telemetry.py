"""Every tool is asked whether it would report usage."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from infra.machine.telemetry import SILENCE, silence

pytestmark = pytest.mark.slow

QUESTIONS = {
    "dvc": "from dvc.analytics import is_enabled; answer = is_enabled()",
    "bentoml": (
        "from bentoml._internal.utils.analytics.usage_stats import do_not_track; "
        "answer = not do_not_track()"
    ),
    "prefect": (
        "from prefect._internal.analytics.enabled import is_telemetry_enabled; "
        "from prefect.settings import get_current_settings; "
        "answer = is_telemetry_enabled() or get_current_settings().server.analytics_enabled"
    ),
    "mlflow": (
        "from mlflow.telemetry.utils import is_telemetry_disabled; "
        "answer = not is_telemetry_disabled()"
    ),
    "evidently": "from evidently.telemetry import event_logger; answer = event_logger.is_enabled()",
}


@pytest.mark.parametrize("tool", QUESTIONS)
def test_no_tool_reports_usage(tool: str) -> None:
    # under CI some tools are silent anyway, which would hide a mistake
    environment = {k: v for k, v in os.environ.items() if k not in {"CI", *SILENCE}}
    source = (
        "from infra.machine.telemetry import silence; silence(); "
        f"{QUESTIONS[tool]}; raise SystemExit(7 if answer else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_choice_already_made_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.delenv("DVC_NO_ANALYTICS", raising=False)
    silence()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
    assert os.environ["DVC_NO_ANALYTICS"] == "true"
