"""Prefect's server inside this process, on a machine where it starts slowly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from flows.servers.embedded_prefect import use_prefect
use_prefect()
from prefect.settings import get_current_settings
print(get_current_settings().server.ephemeral.startup_timeout_seconds)
"""


def test_the_embedded_server_has_three_minutes_to_start(tmp_path: Path) -> None:
    prefect = ("PREFECT_", "ANTIPHON_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(prefect)}
    environment["ANTIPHON_STATE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "180"
