"""`antiphon compress`: make a smaller or faster detector from a given one."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, ParamsFile, ProtocolName
from flows.screen import echo, print_json


class CompressionKind(StrEnum):
    """The ways to compress a detector."""

    INT8 = "int8"
    FLOAT16 = "float16"
    PRUNED = "pruned"
    DISTILLED = "distilled"


def compress(
    detector: Annotated[Path, typer.Argument(help="A detector folder.")],
    to: Annotated[CompressionKind, typer.Option(help="How to compress it.")],
    out: Annotated[Path, typer.Option(help="The detector folder to write.")],
    protocol: ProtocolName,
    root: Annotated[Path, typer.Option(help="The folder of the corpus; train and dev are used.")],
    keep: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1.0, help="For pruned: share of channels kept. Default: params.yaml."
        ),
    ] = None,
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a detector smaller or faster; `antiphon register` judges the result by the gate."""
    from flows.commands.scores import costs_told
    from flows.gate.measure_costs import measure_costs
    from flows.lab.compress import compress as run
    from models.evaluation.costs import Costs

    chosen = params_here(params)
    if keep is not None:
        chosen = replace(chosen, compression=replace(chosen.compression, keep=keep))
    lost = run(detector, to.value, out, protocol, root, chosen)
    costs = Costs(*measure_costs([out, detector]))
    if as_json:
        document = {"compression": asdict(lost) if lost else None, "costs": asdict(costs)}
        print_json(document)
        return
    echo(f"{out}: {to}, {costs_told(costs, 'before')}")
    if lost:
        echo(
            f"cm_scores changed by {lost.mean_shift:.4f} on average over {lost.clips} dev clips, "
            f"by {lost.max_shift:.4f} at most"
        )
