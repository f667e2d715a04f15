"""`antiphon register`, `champion` and `rollback`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import typer


def register(
    weights: Annotated[Path, typer.Option(help="A detector folder.")],
    protocol: Annotated[str, typer.Option(help="A protocol's name, e.g. antiphon.")],
    root: Annotated[
        Path, typer.Option(help="The corpus; dev calibrates, eval is the evaluation set.")
    ],
    learnt: Annotated[
        Path | None,
        typer.Option(help="Its packed training clips (pipeline/prepared), to find leaks."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Judge a detector by the gate and register it if it wins. Exit 1: it does not serve."""
    from flows.commands.scores import print_verdict, warn
    from flows.register import register_folder

    logging.getLogger("antiphon.cycle").setLevel(logging.WARNING)  # the same text is printed below
    done = register_folder(weights, protocol, root, learnt)
    warn(done.verdict.warnings)
    if as_json:
        typer.echo(json.dumps(done.to_json(), allow_nan=False))
    else:
        print_verdict(done.verdict)
        typer.echo(f"run {done.run_id}")
        if done.version is not None:
            typer.echo(f"registered as version {done.version}")
        if done.rollout is not None:
            typer.echo(done.rollout.sentence)
    if not done.promoted:
        raise typer.Exit(1)


def champion() -> None:
    """Print the version of the champion. Exit 1: there is none."""
    from infra import registry

    current = registry.champion()
    if current is None:
        typer.echo("no champion yet")
        raise typer.Exit(1)
    typer.echo(f"version {current.version}, run {current.run_id}")


def rollback() -> None:
    """Make the previous champion the champion again. Exit 1: the endpoint refuses it."""
    from flows import audit_trail
    from flows.actor import person
    from flows.rollout.rollout import RolloutState, wait_for_endpoint
    from infra import registry
    from infra.errors import ConflictError, SettingsError, UnreachableError

    version = registry.rollback().version
    typer.echo(f"version {version} is the champion again")
    try:  # an outage of the log is reported and does not prevent the rollback
        audit_trail.rolled_back(version, registry.previous(), person())
    except (ConflictError, SettingsError, UnreachableError) as error:
        typer.echo(
            "the rollback stands, do not run it again; its row in the audit log is missing: "
            f"{error}",
            err=True,
        )
    rollout = wait_for_endpoint(version)
    typer.echo(rollout.sentence)
    if rollout.state is RolloutState.REFUSED:
        raise typer.Exit(1)
