"""`antiphon calibrate-drift`: how often the drift check alarms, and how soon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.detectors import Version, Weights
from flows.commands.scores import params_here
from flows.commands.shared_options import AsJson, CorpusRoot, ParamsFile, ProtocolName, ResumableOut
from flows.commands.tables import figures_table
from flows.screen import Screen, print_json

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = ("learnt", "window over", "alarms", "requests", "Evidently")


def calibrate_drift(
    protocol: ProtocolName,
    root: CorpusRoot,
    weights: Weights = None,
    model_version: Version = None,
    splits: Annotated[int, typer.Option(min=1, help="Halvings of the callers.")] = 12,
    streams: Annotated[int, typer.Option(min=1, help="Streams of each change in each split.")] = 8,
    share: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Requests that a change concerns.")
    ] = 0.5,
    preset: Annotated[
        int, typer.Option(min=0, help="Windows of each change and split for Evidently's preset.")
    ] = 1,
    params: ParamsFile = None,
    out: ResumableOut = None,
    as_json: AsJson = False,
) -> None:
    """Print false-alarm and detection rates of the drift check on a corpus, and times to alarm.

    Trials that the detector has trained on are left out. Their scores are kept in --out.
    """
    from flows.commands.detectors import detector_folder
    from flows.lab.drift_rates.rates import Trials
    from flows.lab.drift_rates.run import calibrate_drift as calibrate
    from models.data.dataset import read_corpus

    here = params_here(params)
    folder, _ = detector_folder(weights, model_version)
    corpus = read_corpus(protocol, root, here.data).trials
    trials = Trials(splits, streams, preset, share)
    place = out or Path("drift-rates")
    document = calibrate(folder, corpus, here.drift, place, trials)
    if as_json:
        print_json(document)
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    screen = Screen()
    screen.print(
        f"{document['stable_trials']} trials of {document['callers']} callers, "
        f"{document['splits']} splits in halves; "
        f"{document['windows']} windows of {document['window']} requests; "
        f"{document['share']:.0%} of the requests after a change",
        soft_wrap=True,
    )
    screen.print(_table(document["rows"]))
    screen.print(
        "window over: a whole window after the change has a signal over its limit "
        f"(stable traffic: {document['false_alarm_rate']:.1%} asked for); alarms: drift within "
        "three windows; requests: median until then; Evidently: the default preset on the same "
        "windows",
        soft_wrap=True,
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    table = figures_table("change", figures=_COLUMNS)
    for row in rows:
        learnt = {True: "yes", False: "no", None: "–"}[row["known"]]
        requests, preset = row["median_requests"], row["preset"]
        table.add_row(
            row["name"],
            learnt,
            f"{row['over']:.1%}",
            f"{row['alarms']:.1%}",
            "–" if requests is None else f"{requests:.0f}",
            "–" if preset is None else f"{preset:.1%}",
        )
    return table
