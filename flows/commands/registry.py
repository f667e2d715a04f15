"""`antiphon register`, `champion` and `rollback`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.shared_options import NO, UNREACHABLE, AsJson
from flows.screen import echo, print_json


def register(
    weights: Annotated[Path, typer.Option(help="A detector folder.")],
    protocol: Annotated[str, typer.Option(help="A protocol's name, e.g. antiphon.")],
    root: Annotated[
        Path, typer.Option(help="The corpus; dev calibrates, eval is the evaluation set.")
    ],
    training_clips: Annotated[
        Path | None,
        typer.Option(
            "--learnt", help="Its packed training clips (pipeline/prepared), to find leaks."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a detector by the gate and register it if it wins.

    Exit 1: it does not serve. Exit 3: the endpoint did not confirm it.
    """
    from flows.commands.cycles import warn_of_silence
    from flows.commands.scores import print_verdict, warn
    from flows.register import register_folder
    from flows.register_steps import Submission

    warn_of_silence()
    logging.getLogger("antiphon.cycle").setLevel(logging.WARNING)  # the same text is printed below
    registration = register_folder(Submission(weights, protocol, root, training_clips))
    result = registration.result
    warn(result.verdict.warnings)
    if as_json:
        print_json(registration.to_json())
    else:
        print_verdict(result.verdict)
        echo(f"run {registration.run_id}")
        if result.version is not None:
            echo(f"registered as version {result.version}")
        if result.rollout is not None:
            echo(result.rollout.sentence)
    if result.outcome != "promoted":
        raise typer.Exit(UNREACHABLE if result.outcome == "unconfirmed" else NO)


def champion() -> None:
    """Print the version of the champion. Exit 1: there is none."""
    from infra import registry

    current = registry.champion()
    if current is None:
        echo("no champion yet")
        raise typer.Exit(1)
    echo(f"version {current.version}, run {current.run_id}")


def rollback() -> None:
    """Make the previous champion the champion again.

    Exit 1: the endpoint refuses it. Exit 3: the endpoint did not confirm it.
    """
    from flows.actor import person
    from flows.alerting import tell
    from flows.rollout.rollback import roll_back
    from flows.rollout.rollout import RolloutState, wait_for_endpoint

    done = roll_back(person())
    echo(f"version {done.version} is the champion again")
    if done.complaint:
        echo(done.complaint, err=True)
    tell()
    rollout = wait_for_endpoint(done.version)
    echo(rollout.sentence)
    if not rollout.stands:
        raise typer.Exit(NO if rollout.state is RolloutState.REFUSED else UNREACHABLE)
