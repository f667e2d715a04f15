"""`antiphon tune`: search learning rate, batch size, dropout, depth and width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, ParamsFile, ProtocolName
from flows.screen import echo_lines, print_json, say

if TYPE_CHECKING:
    from flows.lab.tuning_result import TuningResult
    from models.params.tree import Params

WARMUP = 2  # epochs before a trial may be stopped

Detector = Annotated[
    str | None, typer.Option(help="Default: the detector of the params, with its options.")
]
Trials = Annotated[int, typer.Option(min=1, help="Number of finished trials.")]
Startup = Annotated[
    int, typer.Option(min=1, help="First trials: drawn at random, never stopped early.")
]
SpaceFile = Annotated[
    Path | None,
    typer.Option(help="YAML file: key -> low, high or choices. Default: SEARCH_SPACES."),
]


def tune(
    protocol: ProtocolName,
    root: Annotated[Path, typer.Option(help="The folder of the corpus; eval is not read.")],
    detector: Detector = None,
    trials: Trials = 20,
    startup: Startup = 5,
    space: SpaceFile = None,
    params: ParamsFile = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search; the same command resumes it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search params by dev EER; print the best as a part of params.yaml.

    Each trial is an MLflow run below the run of the whole search.
    """
    from flows.lab.search_spaces import read_space, space_of
    from flows.lab.studies import Draws
    from flows.lab.tuning import tune as run
    from flows.lab.tuning_result import TuningRequest
    from models.files.whole_files import write_text

    chosen = _for(detector, params_here(params))
    request = TuningRequest(
        protocol=protocol,
        root=root,
        out=out or _default_out(protocol, chosen.detector.name),
        trials=trials,
        draws=Draws(chosen.training.seed, startup, WARMUP),
    )
    searched = read_space(space) if space else space_of(chosen.detector.name)
    result = run(request, chosen, searched, say)
    write_text(request.out / "best.yaml", _yaml(result))
    if as_json:
        print_json(result.to_json())
    else:
        echo_lines(_yaml(result))


def _for(detector: str | None, params: Params) -> Params:
    """The params for a detector, with its name and options checked."""
    from flows.lab.recipes import with_recipe
    from models.detectors import resolve_options

    if detector is not None:
        params = with_recipe(params, {"detector": {"name": detector}}, "tune")
    resolve_options(params.detector.name, params.detector.options)
    return params


def _yaml(result: TuningResult) -> str:
    rate = f"{100 * (result.best.dev_eer or 0.0):.2f} %"
    about = f"# dev EER {rate}, trial {result.best.number} of {len(result.tried)}\n"
    document: dict[str, Any] = result.piece
    return about + yaml.safe_dump(document, sort_keys=False, default_flow_style=None)


def _default_out(protocol: str, detector: str) -> Path:
    from infra.settings import settings

    return settings().state_dir / "tuning" / f"{protocol}-{detector}"
