"""The embedded platform that the demo plays on: its own state, its own ports."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.servers.embedded_prefect import use_prefect
from infra.settings import NO_ENDPOINT, Settings, settings
from models.fronts.locating import fronts_folder

PARAMS, AASIST = (Path(__file__).with_name(name) for name in ("params.yaml", "aasist.yaml"))


@dataclass(frozen=True)
class Stage:
    """Where the demo keeps things; downloads and the corpus outlive a run."""

    here: Settings
    corpus: Path
    cache: Path


def set_stage() -> Stage:
    """A fresh state folder inside the configured one, and settings that point there.

    Weights of fronts are those of the configured one: what was fetched once stays.
    """
    outer = settings().state_dir
    state = outer / "demo"
    shutil.rmtree(state, ignore_errors=True)
    fronts = fronts_folder()
    for folder in (state, fronts):
        folder.mkdir(parents=True, exist_ok=True)
    (state / fronts.name).symlink_to(Path("..") / fronts.name)
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


def use_aasist(stage: Stage) -> None:
    """Params with the sections of aasist.yaml, in the state folder; settings point there."""
    sections = [yaml.safe_load(path.read_text("utf-8")) for path in (PARAMS, AASIST)]
    path = stage.here.state_dir / "params.yaml"
    path.write_text(yaml.safe_dump({**sections[0], **sections[1]}, sort_keys=False), "utf-8")
    os.environ["ANTIPHON_PARAMS_FILE"] = str(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
