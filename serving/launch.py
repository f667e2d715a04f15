"""How the endpoint is started: the command and its environment, for whoever supervises it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def endpoint_command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The argument list and the whole environment of `bentoml serve`."""
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "serving.service:Antiphon"),
        *("--host", settings.endpoint_host),
        *("--port", str(settings.endpoint_port)),
        *("--working-dir", str(ROOT)),
    ]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **settings.tool_environment(),
        **settings.environment(),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "BENTOML_HOME": str(settings.state_dir / "bentoml"),  # else ~/bentoml
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_CONFIG_OPTIONS": f"services.antiphon.workers={settings.endpoint_workers}",
        "OMP_NUM_THREADS": "1",  # the runner threads are the parallelism
    }
    return command, environment
