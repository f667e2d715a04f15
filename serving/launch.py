"""The command that starts the endpoint, and its environment.

`python -m serving.launch` replaces itself by that command; containers start this way.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from infra.errors import SettingsError
from infra.settings import Settings, settings
from models.printable import printable

ROOT = Path(__file__).resolve().parents[1]


def endpoint_command(here: Settings) -> tuple[list[str], dict[str, str]]:
    """The arguments and the complete environment of `bentoml serve`."""
    command = [
        *(sys.executable, "-P", "-m", "bentoml", "serve", "serving.service:Antiphon"),
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
        "OMP_NUM_THREADS": "1",  # the runner threads run in parallel
    }
    return command, environment


def become_endpoint() -> NoReturn:
    """Replace this process by the command; exits with 2 and one sentence if a setting is wrong."""
    try:
        command, environment = endpoint_command(settings())
    except SettingsError as error:
        sys.stderr.write(f"{printable(error)}\n")
        sys.exit(2)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    become_endpoint()
