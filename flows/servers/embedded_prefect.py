"""Prefect without a server of its own: settings that must stand before it is imported."""

from __future__ import annotations

import os

from infra.disk import require_state_folder
from infra.settings import settings


def use_prefect() -> None:
    """Point Prefect at the configured server, or at one inside this process.

    Raises OSError where the state folder cannot be written to.
    """
    here = settings()
    require_state_folder(here.state_dir)
    os.environ.setdefault("PREFECT_HOME", str(here.state_dir / "prefect"))
    # a failed step is told in one sentence by whoever called the flow, not as a traceback
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    if here.prefect_api_url:
        os.environ["PREFECT_API_URL"] = here.prefect_api_url
    # the embedded server takes 20 to 30 s to start on a small machine, its default limit is 20
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
