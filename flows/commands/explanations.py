"""`antiphon explain`: which parts of a recording a score depends on, as pictures and data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.screen import echo

if TYPE_CHECKING:
    from models.detectors import Detector
    from models.explanations.background import Background
    from models.explanations.explain import Explained
    from models.params.window import WindowParams

FILES = 200  # of a background folder: a minute or two of one core with AASIST


Weights = Annotated[
    Path | None,
    typer.Option("--detector", "--weights", help="A detector folder; else the champion."),
]
Version = Annotated[int | None, typer.Option(help="A version in the model registry.")]
Out = Annotated[Path | None, typer.Option(help="Folder to write. Default: NAME.explained here.")]
Methods = Annotated[list[str] | None, typer.Option(help="A method; repeat the option for several.")]
Seconds = Annotated[
    float | None, typer.Option(help="Explain the window around this time, in seconds.")
]
Recordings = Annotated[
    Path | None,
    typer.Option(help="Folder of recordings to compare with; else the detector's reference."),
]


def explain(
    file: Annotated[Path, typer.Argument(help="An audio file.")],
    weights: Weights = None,
    model_version: Version = None,
    out: Out = None,
    method: Methods = None,
    at: Seconds = None,
    background: Recordings = None,
) -> None:
    """Show which sounds of a recording, by time and frequency, the detector's score depends on."""
    from flows.commands.detectors import detector_folder
    from models.audio.reading import read_audio
    from models.explanations import EXPLANATIONS
    from models.explanations.explain import explain as explain_waveform
    from models.explanations.saving import SUMMARY, save
    from models.files.manifest import read_manifest
    from models.files.whole_folders import check_replaceable
    from models.packaging.checkpoint import load_detector

    place = out or Path(f"{file.stem}.explained")
    check_replaceable(place, SUMMARY)
    folder, _ = detector_folder(weights, model_version)
    waveform = read_audio(file)
    detector = load_detector(folder)
    window = read_manifest(folder).window
    explained = explain_waveform(
        detector,
        waveform,
        window,
        method or tuple(EXPLANATIONS),
        at_s=at,
        background=_background(folder, background, detector, window),
        on_method=lambda name: _tell(f"{name} …"),
    )
    save(explained, place, file.name)
    _print(explained, place)


def _background(
    folder: Path, recordings: Path | None, detector: Detector, window: WindowParams
) -> Background | None:
    """Recordings scored now, else the eval trials of the detector folder's reference."""
    from models.explanations.background import read_background
    from models.files.manifest import REFERENCE

    if recordings is not None:
        return _scored(recordings, detector, window)
    reference = folder / REFERENCE
    return read_background(reference) if reference.is_file() else None


def _scored(recordings: Path, detector: Detector, window: WindowParams) -> Background:
    """The features and scores of at most FILES recordings, drawn from all in a folder."""
    import numpy as np

    from models.audio.acoustics import describe
    from models.audio.reading import read_audio
    from models.augmentations.processing.recordings import open_recordings
    from models.compute.memory_format import channels_innermost
    from models.data.clips import Clips
    from models.explanations.background import Background
    from models.training.scoring import score_clips
    from models.trials import Trial

    files = open_recordings(str(recordings), "--background").files
    drawn = sorted(np.random.default_rng(0).permutation(len(files))[:FILES].tolist())
    trials = [Trial(str(files[index]), files[index], None) for index in drawn]
    waveforms = [read_audio(trial.path) for trial in trials]
    with channels_innermost([detector]):
        scores = score_clips(detector, Clips.from_arrays(trials, waveforms), window, progress=True)
    acoustics = [describe(waveform) for waveform in waveforms]
    return Background.of(acoustics, scores.cm_scores.tolist(), str(recordings))


def _print(explained: Explained, place: Path) -> None:
    window = explained.window
    echo(
        f"{window.start_s:.2f}–{window.end_s:.2f} s of {explained.duration_s:.2f} s "
        f"({window.chosen}): cm_score {window.cm_score:+.4f} by {explained.detector}"
    )
    for method, explanation in explained.explanations.items():
        echo(f"{place / method}.png  red: {explanation.meaning}")
    for method, why in explained.absent.items():
        echo(f"{method}: {why}")


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        echo(text, err=True)
