"""`antiphon up`, `console` and `demo`: start the platform or a part of it, or run the loop once."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from flows.screen import Screen
from infra.errors import SettingsError

_out = Screen()


def up() -> None:
    """Start the console, MLflow, Prefect, the endpoint and Evidently; Ctrl-C stops all."""
    from flows.servers.local import (
        platform_servers,
        require_free_ports,
        running,
        shown_first,
        wait_until_healthy,
        watch,
    )
    from infra.machine.disk import require_state_folder
    from infra.machine.proxies import bypass_proxies
    from infra.mlflow_client import connect
    from infra.settings import settings

    here = settings()
    bypass_proxies(here)
    require_free_ports(here)
    require_state_folder(here.state_dir)
    for ending in (signal.SIGTERM, signal.SIGHUP):  # a supervisor's, a closed terminal's
        signal.signal(ending, signal.default_int_handler)
    servers = platform_servers(here)
    logs = here.state_dir / "logs"
    connect(here)  # creates MLflow's database before two servers would do so at once
    with running(servers, logs) as started:
        try:
            with _out.status("starting; the first time takes about a minute"):
                wait_until_healthy(started, lambda server: _out.print(f"{server.name} is up"))
            table = Table("service", "address", title="antiphon is up")
            for server in shown_first(servers):
                table.add_row(server.name, server.page)
            _out.print(table)
            _out.print(f"Logs are in {logs}. Ctrl-C stops everything.", soft_wrap=True)
            watch(started)
        except KeyboardInterrupt:
            _out.print("stopping")


def console(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Instead of ANTIPHON_CONSOLE_PORT.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="A state folder, instead of ANTIPHON_STATE_DIR.")
    ] = None,
) -> None:
    """Serve the console alone, over the state that there is; Ctrl-C stops it."""
    from flows.servers.console import serve
    from infra.machine.disk import require_state_folder
    from infra.settings import settings

    if port is not None:
        os.environ["ANTIPHON_CONSOLE_PORT"] = str(port)
    if state is not None:
        if not state.is_dir():
            raise SettingsError(f"--state {state}: a state folder expected, there is none")
        os.environ["ANTIPHON_STATE_DIR"] = str(state.absolute())
    here = settings()
    require_state_folder(here.state_dir)
    serve(here, lambda address: _out.print(f"the console is at {address}; Ctrl-C stops it"))


def demo(
    facts: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures to this file.")
    ] = None,
    bonafide: Annotated[Path | None, typer.Option(help="Your own bona fide recordings.")] = None,
    spoof: Annotated[
        Path | None, typer.Option(help="Your own spoofs, one folder per attack.")
    ] = None,
) -> None:
    """Run the whole loop once on real speech, with embedded services only."""
    from flows.demo.story import tell

    tell(facts, bonafide, spoof)
