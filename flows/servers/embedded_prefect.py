"""Prefect without a server of its own: settings that must stand before it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import Any

from infra.errors import UnreachableError, reason_of
from infra.machine.disk import require_state_folder
from infra.machine.proxies import bypass_proxies
from infra.settings import settings

PATIENCE_S = 10.0
_OUTAGES = ("Failed to reach API at", "ephemeral Prefect API server")  # Prefect's RuntimeErrors


def use_prefect() -> None:
    """Point Prefect at the configured server, or at one inside this process.

    A server that the environment names as Prefect's own variable is used, too. Raises
    UnreachableError where the server does not answer, OSError where the state folder cannot be
    written to.
    """
    here = settings()
    require_state_folder(here.state_dir)
    bypass_proxies(here)
    os.environ.setdefault("PREFECT_HOME", str(here.state_dir / "prefect"))
    # the embedded server takes 20 to 30 s to start on a small machine, its default limit is 20
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    # a failed step is told in one sentence by whoever called the flow, not as a traceback
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    if here.prefect_api_url:
        os.environ["PREFECT_API_URL"] = here.prefect_api_url
    if address := os.environ.get("PREFECT_API_URL"):
        name = "ANTIPHON_PREFECT_API_URL" if here.prefect_api_url else "PREFECT_API_URL"
        _require_answer(address, name)
    else:
        _shelter_embedded_server()


class _OwnSessions:
    """The module `subprocess`, but that what it starts is in a session of its own."""

    Popen = staticmethod(partial(subprocess.Popen, start_new_session=True))

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)


def _shelter_embedded_server() -> None:
    """Keep the signals that end a flow from the server that the flow still reports its end to.

    Ctrl-C in a terminal, `timeout` and some supervisors signal all processes of a group. Prefect
    starts the server in the group of the flow and has no setting for that.
    """
    from prefect.server.api import server

    vars(server)["subprocess"] = _OwnSessions()


def outage_of_prefect(error: Exception) -> UnreachableError | None:
    """What an error of a flow says of Prefect's server; None where it is another error."""
    if "prefect" not in sys.modules:
        return None
    from httpx import HTTPStatusError, TransportError  # PrefectHTTPStatusError is one, too

    is_outage = isinstance(error, TransportError | HTTPStatusError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUTAGES)
    )
    if not is_outage:
        return None
    where = os.environ.get("PREFECT_API_URL") or "its embedded server"
    reason = reason_of(error)
    return UnreachableError(f"Prefect cannot be reached ({where}): {reason}")


def _require_answer(address: str, name: str) -> None:
    """Ask the server whether it is well before a flow asks it for minutes."""
    import httpx

    try:
        answer = httpx.get(f"{address.rstrip('/')}/health", timeout=PATIENCE_S)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return  # Prefect tells it better
        healthy = answer.raise_for_status().json() is True
        reason = "" if healthy else "it does not answer as Prefect does"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = reason_of(error)
    if reason:
        raise UnreachableError(
            f"Prefect cannot be reached at {address} ({reason}); start it, or unset {name} to run "
            "without a server"
        )
