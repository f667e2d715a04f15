"""The champion: who it is, and back to the one before."""

from __future__ import annotations

import typer


def champion() -> None:
    """Say which version is the champion."""
    from infra import registry

    current = registry.champion()
    if current is None:
        typer.echo("no champion yet")
        raise typer.Exit(1)
    typer.echo(f"version {current.version}, run {current.run_id}")


def rollback() -> None:
    """Make the version before the champion again; the endpoint follows."""
    from flows.rollout import wait_for_endpoint
    from infra import registry

    version = registry.rollback()
    typer.echo(f"version {version.version} is the champion again")
    typer.echo(wait_for_endpoint(version.version).sentence)
