"""The `antiphon` command. Exit status: 0 done, 1 the answer is no, 2 bad input, 3 unreachable."""

from __future__ import annotations

import io
import logging
import sys

import typer

from flows.commands import (
    audit,
    bakeoff,
    compression,
    corpus,
    cycles,
    data,
    datasets,
    detectors,
    evidence,
    explanations,
    generalisation,
    params,
    registry,
    review,
    scores,
    search,
    servers,
    sets,
    shadow,
    simulation,
    tuning,
)
from flows.screen import complain
from infra.commands import CommandError
from infra.errors import AbsentError, ConflictError, SettingsError, UnreachableError
from infra.field_samples import ClaimError, UnknownSampleError
from infra.telemetry import silence
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
app.command()(servers.demo)
app.command()(detectors.score)
app.command()(detectors.evaluate)
app.command()(explanations.explain)
app.command("import-weights")(detectors.import_weights)
app.command()(scores.metrics)
app.command()(scores.compare)
app.command("simulate-gate")(simulation.simulate_gate)
app.command()(compression.compress)
app.command()(data.check_data)
app.command()(data.label_noise)
app.command()(generalisation.cross_validate)
app.command()(search.search)
app.command()(bakeoff.bakeoff)
app.command()(tuning.tune)
app.command()(cycles.retrain)
app.command()(cycles.monitor)
app.command("cycles")(cycles.history)
app.command()(sets.sets)
app.command()(registry.register)
app.command()(registry.champion)
app.command()(registry.rollback)
app.command()(shadow.shadow)
app.add_typer(params.app, name="params")
app.add_typer(evidence.app, name="evidence")
app.add_typer(audit.app, name="audit")
app.add_typer(review.app, name="review")
app.add_typer(corpus.app, name="corpus")
app.add_typer(datasets.app, name="dataset")


def main() -> None:
    """Run the command; what a person can mend is said in one sentence."""
    silence()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without these letters gets escapes
            stream.reconfigure(errors="backslashreplace")
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
    except ModuleNotFoundError as error:
        if error.name not in RESEARCH:
            raise
        _stop(f"{error.name} is not part of this installation; a checkout of antiphon has it", 2)


def _stop(error: Exception | str, status: int) -> None:
    complain(f"antiphon: {error}")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
