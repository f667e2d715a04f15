"""The embedded platform that the demo plays on: its own state, its own ports."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from flows.servers.embedded_prefect import use_prefect
from infra.settings import NO_ENDPOINT, Settings, settings

PARAMS = Path(__file__).with_name("params.yaml")


@dataclass(frozen=True)
class Stage:
    """Where the demo keeps things; downloads and the corpus outlive a run."""

    here: Settings
    corpus: Path
    cache: Path


def set_stage() -> Stage:
    """A fresh state folder inside the configured one, and settings that point there."""
    outer = settings().state_dir
    state = outer / "demo"
    shutil.rmtree(state, ignore_errors=True)
    os.environ.update(
        {
            "ANTIPHON_STATE_DIR": str(state),
            "ANTIPHON_PARAMS_FILE": str(PARAMS),
            "ANTIPHON_ENDPOINT": NO_ENDPOINT,  # until one starts
            "ANTIPHON_ENDPOINT_PORT": str(_free_port()),
            "ANTIPHON_FOLLOW_INTERVAL_S": "1",
        }
    )
    use_prefect()
    return Stage(settings(), outer / "corpora" / "demo", outer / "downloads")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
