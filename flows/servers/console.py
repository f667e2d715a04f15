"""The process of the console: pages of monitoring, with what flows can do for them."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flows.actor import person
from flows.alerting import tell
from flows.servers.console_powers import POWERS
from infra import registry
from infra.access.tokens import any_token
from infra.database import open_database
from infra.errors import SettingsError, UnreachableError
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from infra.settings import Settings, settings
from models.printable import log_one_line_a_record
from monitoring.console.application import make_console
from monitoring.console.desk import Desk
from monitoring.console.pages import PAGES

log = logging.getLogger("antiphon.console")
SHUTDOWN_S = 10
LOOK_S = 60.0  # between two looks for events that people must be told of


def main() -> None:
    """Serve with the settings of the environment."""
    serve(settings())


def serve(here: Settings, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Serve until stopped; `on_ready` gets the address.

    Raises SettingsError where the port is taken, or where others could come in without a token.
    """
    import uvicorn

    silence()
    bypass_proxies(here)
    log_one_line_a_record()
    desk = desk_of(here)
    require_tokens_elsewhere(desk)
    with _listening(here) as listener:
        threading.Thread(target=_warm_up, daemon=True).start()
        threading.Thread(target=_keep_telling, daemon=True).start()
        on_ready(here.console_address)
        config = uvicorn.Config(
            make_console(desk),
            log_level=logging.WARNING,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        with suppress(KeyboardInterrupt):  # Ctrl-C, once what was begun is answered
            uvicorn.Server(config).run(sockets=[listener])


def _warm_up() -> None:
    """Import MLflow, which takes seconds, before somebody waits for it."""
    try:
        registry.champion()
    except UnreachableError as error:  # each page says so, until it can be reached
        log.warning("%s", error)


def _keep_telling() -> None:
    """Look for events, also that no drift check runs: flows that are dead cannot tell that."""
    while True:
        time.sleep(LOOK_S)
        tell()


def _listening(here: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in here.console_host else socket.AF_INET
    try:
        return socket.create_server((here.console_host, here.console_port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SettingsError(
            f"console cannot listen on {here.console_host}:{here.console_port} ({reason}); set "
            "ANTIPHON_CONSOLE_PORT or ANTIPHON_CONSOLE_HOST to another"
        ) from error


def desk_of(here: Settings) -> Desk:
    """The console of these settings."""
    return Desk(here, POWERS, PAGES, local_person=person())


def require_tokens_elsewhere(desk: Desk) -> None:
    """Raise SettingsError where others could come in without a token or an identity provider."""
    has_provider = desk.here.oidc_issuer is not None
    if desk.is_local or has_provider or any_token(open_database(desk.here.database_url)):
        return
    raise SettingsError(
        f"ANTIPHON_CONSOLE_HOST={desk.here.console_host}: other machines can reach the "
        "console, and no token was made; `antiphon token create NAME --scope admin` makes one, "
        "127.0.0.1 keeps the console on this machine"
    )


if __name__ == "__main__":
    try:
        main()
    except (SettingsError, UnreachableError) as failure:
        sys.exit(f"antiphon: {failure}")
