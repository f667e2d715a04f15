"""How the endpoint is started: the command and its environment, for whoever supervises it.

`python -m serving.launch` becomes that command; containers start so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from infra.errors import SettingsError
from infra.settings import Settings, settings

ROOT = Path(__file__).resolve().parents[1]


def endpoint_command(here: Settings) -> tuple[list[str], dict[str, str]]:
    """The argument list and the whole environment of `bentoml serve`."""
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "serving.service:Antiphon"),
        *("--host", here.endpoint_host),
        *("--port", str(here.endpoint_port)),
        *("--working-dir", str(ROOT)),
    ]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **here.tool_environment(),
        **here.environment(),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "BENTOML_HOME": str(here.state_dir / "bentoml"),  # else ~/bentoml
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_CONFIG_OPTIONS": f"services.antiphon.workers={here.endpoint_workers}",
        "OMP_NUM_THREADS": "1",  # the runner threads are the parallelism
    }
    return command, environment


def become_endpoint() -> NoReturn:
    """Run the command in place of this process; 2 and one sentence where a setting is wrong."""
    try:
        command, environment = endpoint_command(settings())
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    become_endpoint()
