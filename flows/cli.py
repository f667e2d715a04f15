"""The `antiphon` command. Exit status: 0 done, 1 the answer is no, 2 bad input, 3 unreachable."""

from __future__ import annotations

import io
import logging
import signal
import sys

import typer

from flows.candidate.lifeline import end_in_order
from flows.commands import (
    alerts,
    audit,
    compression,
    corpus,
    cycles,
    data,
    datasets,
    detectors,
    drift,
    evidence,
    explanations,
    fronts,
    inbox,
    params,
    promotion,
    registry,
    review,
    scores,
    servers,
    sets,
    shadow,
    simulation,
    streams,
    tokens,
    webhooks,
)
from flows.commands.experiments import adaptation, bakeoff, generalisation, search, tuning
from flows.screen import complain
from flows.servers.embedded_prefect import outage_of_prefect
from infra.errors import AbsentError, ConflictError, SettingsError, UnreachableError
from infra.field_samples import ClaimError, UnknownSampleError
from infra.machine.commands import CommandError
from infra.machine.disk import disk_sentence, is_mendable
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from models.errors import InputError

MENDABLE = (
    InputError,
    SettingsError,
    AbsentError,
    ConflictError,
    ClaimError,
    UnknownSampleError,
    CommandError,
)

RESEARCH = ("flows.lab", "flows.demo")  # container images hold neither

app = typer.Typer(
    help="Continuous retraining for voice-deepfake detection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(servers.up)
app.command()(servers.console)
app.command()(servers.demo)
app.command()(detectors.score)
app.command()(streams.stream)
app.command()(detectors.evaluate)
app.command()(explanations.explain)
app.command("import-weights")(detectors.import_weights)
app.command()(scores.metrics)
app.command()(scores.compare)
app.command("simulate-gate")(simulation.simulate_gate)
app.command("calibrate-drift")(drift.calibrate_drift)
app.command()(compression.compress)
app.command()(data.check_data)
app.command()(data.label_noise)
app.command()(generalisation.cross_validate)
app.command()(adaptation.adaptation_curve)
app.command()(generalisation.compare_folds)
app.command()(search.search)
app.command()(bakeoff.bakeoff)
app.command()(tuning.tune)
app.command()(cycles.retrain)
app.command()(cycles.adapt)
app.command()(cycles.monitor)
app.command("cycles")(cycles.history)
app.command("requests")(inbox.requests)
app.command()(sets.sets)
app.command()(registry.register)
app.command()(registry.champion)
app.command()(registry.rollback)
app.command()(promotion.approve)
app.command()(promotion.pause)
app.command()(promotion.resume)
app.command()(shadow.shadow)
app.add_typer(params.app, name="params")
app.add_typer(evidence.app, name="evidence")
app.add_typer(alerts.app, name="alerts")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(audit.app, name="audit")
app.add_typer(tokens.app, name="token")
app.add_typer(review.app, name="review")
app.add_typer(corpus.app, name="corpus")
app.add_typer(datasets.app, name="dataset")
app.add_typer(fronts.app, name="fronts")


def main() -> None:
    """Run the command; what a person can mend is said in one sentence."""
    silence()
    bypass_proxies()
    _end_in_order()
    _escape_missing_letters()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for package in ("antiphon", "flows", "infra", "models", "monitoring", "serving"):
        logging.getLogger(package).setLevel(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every retry
    try:
        app()
    except MENDABLE as error:
        _stop(error, 2)
    except UnreachableError as error:
        _stop(error, 3)
    except OSError as error:
        _stop(disk_sentence(error), 2 if is_mendable(error) else 3)
    except ModuleNotFoundError as error:
        if error.name not in RESEARCH:
            raise
        _stop(f"{error.name} is not part of this installation; a checkout of antiphon has it", 2)
    except ImportError as error:
        if "SOCKS" not in str(error):  # of httpx, without which Prefect reaches nobody
            raise
        _stop(f"ALL_PROXY or another variable names a SOCKS proxy: {error}", 2)
    except Exception as error:
        outage = outage_of_prefect(error)
        if outage is None:
            raise
        _stop(outage, 3)


def _end_in_order() -> None:
    """On SIGTERM and SIGHUP, end what was started: once, and by status 128 + its number."""
    for ending in (signal.SIGTERM, signal.SIGHUP):  # a supervisor's, a closed terminal's
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as under nohup
            signal.signal(ending, end_in_order)


def _escape_missing_letters() -> None:
    """Print letters that the terminal's encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(error: Exception | str, status: int) -> None:
    complain(f"antiphon: {error}")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
