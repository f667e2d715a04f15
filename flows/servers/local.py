"""The servers of one machine: started together, watched, stopped together."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from infra.artifact_places import artifact_location
from infra.errors import SettingsError, UnreachableError
from infra.machine.process_groups import running_group
from infra.machine.telemetry import SILENCE
from infra.settings import Settings
from serving.launch import endpoint_command

CONSOLE = "console"
GRACE_S = 15.0  # between asking a server to stop and killing it
POLL_S = 0.3


@dataclass(frozen=True)
class Server:
    """One process of the platform, and how to see that it is well."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    page: str  # for people
    health: str | None  # answers 200 once it is up; None: well while it runs
    patience_s: float = 180.0


@dataclass
class RunningServer:
    """A server that was started."""

    server: Server
    process: subprocess.Popen[bytes]
    log: Path
    healthy: bool = field(default=False)

    def is_well(self) -> bool:
        """Whether it answers; raises UnreachableError with its last words where it has died."""
        if self.process.poll() is not None:
            raise UnreachableError(
                f"{self.server.name} stopped with status {self.process.returncode}; "
                f"last line of {self.log}: {_last_line(self.log)}"
            )
        if self.server.health is None:
            return True
        try:
            return httpx.get(self.server.health, timeout=2.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(servers: Sequence[Server], logs: Path) -> Iterator[list[RunningServer]]:
    """Start servers, each with its log; stop all of them at the end, the last one first."""
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        yield [stack.enter_context(_started(server, logs)) for server in servers]


def wait_until_healthy(
    servers: Sequence[RunningServer], on_healthy: Callable[[Server], None]
) -> None:
    """Return when all are well; raises UnreachableError naming the first that is not."""
    began = time.monotonic()
    waiting = list(servers)
    while waiting:
        for server in [server for server in waiting if server.is_well()]:
            waiting.remove(server)
            on_healthy(server.server)
        late = [w for w in waiting if time.monotonic() - began > w.server.patience_s]
        if late:
            raise UnreachableError(
                f"{late[0].server.name} does not answer at {late[0].server.health} after "
                f"{late[0].server.patience_s:g} s; its log is {late[0].log}"
            )
        time.sleep(POLL_S)


def watch(servers: Sequence[RunningServer]) -> None:
    """Sleep while all run; raises UnreachableError when one dies."""
    while True:
        for server in servers:
            if server.process.poll() is not None:
                server.is_well()
        time.sleep(1.0)


def require_free_ports(here: Settings) -> None:
    """Raise SettingsError naming the setting whose port is taken, before anything starts."""
    with ExitStack() as stack:  # all are held together, so that one given twice is seen
        for name in ("mlflow", "prefect", "endpoint", "evidently", "console"):
            host, port = getattr(here, f"{name}_host"), getattr(here, f"{name}_port")
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                stack.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                raise SettingsError(
                    f"{name} cannot listen on {host}:{port} ({_reason(error)}); set "
                    f"ANTIPHON_{name.upper()}_PORT or ANTIPHON_{name.upper()}_HOST to another"
                ) from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def platform_servers(here: Settings) -> list[Server]:
    """Everything `antiphon up` starts, in order."""
    others = [
        mlflow_server(here),
        prefect_server(here),
        deployments(here),
        endpoint(here),
        ui(here),
    ]
    return [*others, console(here)]


def shown_first(servers: Sequence[Server]) -> list[Server]:
    """The servers as people are told of them: the console is where they begin."""
    return sorted(servers, key=lambda server: server.name != CONSOLE)


def mlflow_server(here: Settings) -> Server:
    """MLflow's pages and API over the configured stores."""
    address = f"http://{here.mlflow_host}:{here.mlflow_port}"
    command = _python("mlflow", "server", "--workers", "1")
    command += ["--backend-store-uri", here.mlflow_tracking_uri]
    command += ["--artifacts-destination", artifact_location(here.artifact_root)]
    command += ["--host", here.mlflow_host, "--port", str(here.mlflow_port)]
    # the job endpoints ran code without a login (CVE-2026-0545)
    environment = _environment(here, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    return Server("MLflow", command, environment, address, f"{address}/health")


def prefect_server(here: Settings) -> Server:
    """Prefect's pages and API."""
    address = f"http://{here.prefect_host}:{here.prefect_port}"
    command = _python("prefect", "server", "start")
    command += ["--host", here.prefect_host, "--port", str(here.prefect_port)]
    environment = _environment(
        here, PREFECT_HOME=str(here.state_dir / "prefect"), PREFECT_API_URL=f"{address}/api"
    )
    return Server("Prefect", command, environment, address, f"{address}/api/health")


def deployments(here: Settings) -> Server:
    """The process that runs scheduled and requested flows."""
    address = f"http://{here.prefect_host}:{here.prefect_port}"
    api = here.prefect_api_url or f"{address}/api"
    environment = _environment(
        here,
        PREFECT_HOME=str(here.state_dir / "prefect"),
        PREFECT_API_URL=api,
        PYTHONSAFEPATH="1",  # for the flow runs, as -P
        ANTIPHON_PREFECT_API_URL=api,  # so that drift starts a cycle there
        ANTIPHON_ENDPOINT=",".join(here.endpoint_addresses) or endpoint_page(here),
    )
    page = f"{address}/deployments"
    last = f"{api}/deployments/name/shadow-watch/default"  # of those it registers
    return Server("deployments", _python("flows.servers.deployments"), environment, page, last)


def endpoint_page(here: Settings) -> str:
    """The address of the endpoint that starts here, whatever cycles are told to expect."""
    return here.model_copy(update={"endpoint": ""}).endpoint_addresses[0]


def endpoint(here: Settings) -> Server:
    """The champion behind its door."""
    command, environment = endpoint_command(here)
    address = endpoint_page(here)
    return Server("endpoint", command, {**environment, **SILENCE}, address, f"{address}/healthz")


def ui(here: Settings) -> Server:
    """Evidently's pages over the drift reports."""
    workspace = here.state_dir / "evidently"
    workspace.mkdir(parents=True, exist_ok=True)
    address = f"http://{here.evidently_host}:{here.evidently_port}"
    command = [str(Path(sys.executable).with_name("evidently")), "ui"]
    command += ["--workspace", str(workspace)]
    command += ["--host", here.evidently_host, "--port", str(here.evidently_port)]
    return Server("Evidently", command, _environment(here), address, f"{address}/api/version")


def console(here: Settings) -> Server:
    """The pages for people, which let Prefect start cycles."""
    api = here.prefect_api_url or f"http://{here.prefect_host}:{here.prefect_port}/api"
    environment = _environment(
        here,
        ANTIPHON_PREFECT_API_URL=api,
        ANTIPHON_ENDPOINT=",".join(here.endpoint_addresses) or endpoint_page(here),
    )
    address = here.console_address
    command = _python("flows.servers.console")
    return Server(CONSOLE, command, environment, address, f"{address}/healthz")


@contextmanager
def _started(server: Server, logs: Path) -> Iterator[RunningServer]:
    log = logs / f"{server.name.lower()}.log"
    with (
        log.open("wb") as stream,
        running_group(server.command, server.environment, stream, grace_s=GRACE_S) as process,
    ):
        yield RunningServer(server, process, log)


def _environment(here: Settings, **extra: str) -> dict[str, str]:
    own = {**here.tool_environment(), **here.environment()}
    return {**os.environ, **SILENCE, **own, **extra}


def _python(*arguments: str) -> list[str]:
    """Without the working folder on the path: its modules would hide those of others."""
    return [sys.executable, "-P", "-m", *arguments]


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "none"
