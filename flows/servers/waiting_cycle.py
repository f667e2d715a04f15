"""The process of one cycle for the requests that wait, started where there is no Prefect server."""

from __future__ import annotations

import logging
import sys

from infra.errors import AbsentError, ConflictError, SettingsError, UnreachableError
from infra.machine.commands import CommandError
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from models.errors import InputError

_TOLD = (AbsentError, CommandError, ConflictError, InputError, SettingsError, UnreachableError)


def main() -> None:
    """Run it; what stops it stands in the ledger, too."""
    silence()
    bypass_proxies()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("antiphon").setLevel(logging.INFO)
    from flows.servers.embedded_prefect import use_prefect

    use_prefect()
    from flows.retrain import retraining_cycle

    retraining_cycle(None)


if __name__ == "__main__":
    try:
        main()
    except _TOLD as failure:
        sys.exit(f"antiphon: {failure}")
