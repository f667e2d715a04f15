"""`antiphon import-weights`, `score` and `evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.shared_options import AsJson, CorpusRoot, ProtocolName
from flows.screen import Screen, print_json
from models.errors import InputError

if TYPE_CHECKING:
    from models.packaging.runtime import ExportedDetector

Weights = Annotated[Path | None, typer.Option(help="A detector folder.")]
Version = Annotated[int | None, typer.Option(help="A version in the model registry.")]

_out = Screen()
_err = Screen(stderr=True)


def import_weights(
    detector: Annotated[str, typer.Option(help="A detector's name, e.g. aasist.")],
    weights: Annotated[Path, typer.Option(help="An official checkpoint, e.g. AASIST.pth.")],
    out: Annotated[Path, typer.Option(help="The detector folder to write.")],
    params: Annotated[
        Path | None,
        typer.Option(help="A params.yaml with the `window` to use; else the default."),
    ] = None,
) -> None:
    """Turn an official checkpoint into a detector folder."""
    from models.packaging.checkpoint import import_weights as import_checkpoint
    from models.packaging.export import export_detector
    from models.params.tree import read_params

    window = read_params(params).window if params else None
    import_checkpoint(detector, weights, out, window=window)
    export_detector(out)
    _err.print(f"{out}: {detector}, weights and graph")


def score(
    files: Annotated[list[Path], typer.Argument(help="Audio files.")],
    weights: Weights = None,
    model_version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Score audio files with a detector or the champion; a higher cm_score is more bona fide."""
    exported, version = _open(weights, model_version)
    unreadable = 0
    for answer in _answers(exported, version, files):
        unreadable += "error" in answer
        if as_json:
            print_json(answer)
        else:
            _print_answer(answer)
    if unreadable:
        raise typer.Exit(2)


def evaluate(
    protocol: ProtocolName,
    root: CorpusRoot,
    weights: Weights = None,
    model_version: Version = None,
    partition: Annotated[str, typer.Option(help="train, dev, eval or all.")] = "eval",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out trials with missing audio.")
    ] = False,
    scores_out: Annotated[Path | None, typer.Option(help="Also write the score file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score a corpus and print every metric, pooled and per attack."""
    from flows.candidate.detector_folders import score_trials
    from flows.commands.scores import params_here, print_report
    from models.compute.progress import progress_bar
    from models.data.dataset import read_corpus
    from models.evaluation.report import build_report
    from models.evaluation.scores import write_scores
    from models.trials import Partition

    if partition not in {*Partition, "all"}:
        raise InputError(f"no partition named '{partition}'; known: train, dev, eval, all")
    params = params_here()
    read = read_corpus(protocol, root, params.data, allow_missing=allow_missing)
    trials = read.trials if partition == "all" else read.partition(Partition(partition))
    if not trials:
        raise InputError(f"{root}: no {partition} trials in {protocol}")
    exported, _ = _open(weights, model_version)
    with progress_bar(len(trials), "score", True) as bar:
        scores = score_trials(exported, trials, bar.update)
    if scores_out:
        write_scores(scores_out, scores)
    calibration = exported.calibration
    report = build_report(scores, params.evaluation, calibration=calibration)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)


def _open(weights: Path | None, model_version: int | None) -> tuple[ExportedDetector, str]:
    """The selected detector, and its name in answers."""
    from flows.candidate.detector_folders import open_exported

    folder, version = detector_folder(weights, model_version)
    return open_exported(folder), version


def detector_folder(weights: Path | None, model_version: int | None) -> tuple[Path, str]:
    """The folder of the selected detector, else of the champion, and its name in answers.

    Raises InputError if both options are given or there is no champion.
    """
    if weights is not None and model_version is not None:
        raise InputError("--weights or --model-version expected, found both")
    if weights is not None:
        return weights, weights.name
    from flows.places import fetch_version

    folder, version = fetch_version(model_version)
    return folder, str(version)


def _answers(
    exported: ExportedDetector, version: str, files: list[Path]
) -> Iterator[dict[str, Any]]:
    from flows.candidate.detector_folders import in_threads

    yield from in_threads(lambda path: _answer(exported, version, path), files)


def _answer(exported: ExportedDetector, version: str, path: Path) -> dict[str, Any]:
    from models.audio.reading import read_audio

    try:
        cm_score = exported.score(read_audio(path)).cm_score
    except InputError as error:
        return {"path": str(path), "error": str(error)}
    calibration = exported.calibration
    return {
        "path": str(path),
        "cm_score": cm_score,
        "spoof_probability": calibration.spoof_probability(cm_score) if calibration else None,
        "verdict": str(calibration.verdict(cm_score)) if calibration else None,
        "version": version,
    }


def _print_answer(answer: dict[str, Any]) -> None:
    if "error" in answer:
        _err.print(answer["error"], style="red", soft_wrap=True)
        return
    probability = answer["spoof_probability"]
    probability_text = (
        "not calibrated" if probability is None else f"spoof {100 * probability:5.1f} %"
    )
    verdict = answer["verdict"] or "-"
    _out.print(
        f"{answer['cm_score']:+9.4f}  {probability_text}  {verdict:<8}  {answer['path']}",
        highlight=False,
        soft_wrap=True,
    )
