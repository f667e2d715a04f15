"""Explain the score of one window of a recording by several methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.audio.acoustics import describe
from models.audio.windows import aggregate, cut_windows, window_starts
from models.compute.eval_mode import evaluation_mode
from models.compute.memory import retained_memory
from models.compute.memory_format import channels_innermost
from models.detectors.detector import SAMPLE_RATE, Detector, cm_score
from models.errors import InputError
from models.explanations import EXPLANATIONS
from models.explanations.background import Background
from models.explanations.explanation import Explanation, InapplicableError
from models.explanations.stretch import BATCH, ScoredStretch
from models.params.window import WindowParams


@dataclass(frozen=True)
class Window:
    """The stretch of a recording that is explained."""

    start: int  # samples, within the recording
    waveform: NDArray[np.float32]  # (n,) as the detector receives it
    cm_score: float
    chosen: str  # why this one

    @property
    def start_s(self) -> float:
        """Seconds from the start of the recording."""
        return self.start / SAMPLE_RATE

    @property
    def end_s(self) -> float:
        """Seconds from the start of the recording."""
        return (self.start + len(self.waveform)) / SAMPLE_RATE


@dataclass(frozen=True)
class Explained:
    """The explanations of a recording's score, and the reasons of methods that gave none."""

    detector: str
    cm_score: float  # of the whole recording
    duration_s: float
    window: Window
    explanations: Mapping[str, Explanation]
    absent: Mapping[str, str]  # method -> why


def explain(
    detector: Detector,
    waveform: NDArray[np.float32],
    window: WindowParams,
    methods: Sequence[str] = tuple(EXPLANATIONS),
    *,
    at_s: float | None = None,
    background: Background | None = None,
    device: str | torch.device = "cpu",
    seed: int = 2026,
    on_method: Callable[[str], object] = lambda _: None,
) -> Explained:
    """Explain the most spoof-like window of a waveform (samples,), or that around `at_s`.

    `absent` has the reason of each method that this detector does not allow. `on_method` is called
    with the name of each method before it begins. Raises InputError for an unknown method and for
    an `at_s` outside the recording.
    """
    duration_s = len(waveform) / SAMPLE_RATE
    _check(methods, at_s, duration_s)
    detector.to(device)
    with (
        evaluation_mode(detector),
        retained_memory(torch.device(device).type),
        channels_innermost([detector]),
    ):
        windows = cut_windows(waveform, window)
        scores = _scores(detector, windows, device)
        chosen = _choose(waveform, windows, scores, window, at_s)
        stretch = ScoredStretch(
            detector,
            torch.from_numpy(chosen.waveform).to(device),
            windows.shape[1],
            describe(waveform),
            background,
            seed,
        )
        explanations, absent = _run(methods, stretch, on_method)
    score = aggregate(scores, window)
    return Explained(detector.name, score, duration_s, chosen, explanations, absent)


def _check(methods: Sequence[str], at_s: float | None, duration_s: float) -> None:
    for name in methods:
        if name not in EXPLANATIONS:
            names = ", ".join(EXPLANATIONS)
            raise InputError(f"no explanation named '{name}'; known: {names}")
    if at_s is not None and not 0.0 <= at_s <= duration_s:
        raise InputError(
            f"a time within the {duration_s:.2f} s of the recording expected, found {at_s:g} s"
        )


def _run(
    methods: Sequence[str], stretch: ScoredStretch, on_method: Callable[[str], object]
) -> tuple[dict[str, Explanation], dict[str, str]]:
    """The explanation of each method, and the reasons of methods that give none."""
    explanations: dict[str, Explanation] = {}
    absent: dict[str, str] = {}
    for name in methods:
        on_method(name)
        try:
            explanations[name] = EXPLANATIONS[name](stretch)
        except InapplicableError as error:
            absent[name] = str(error)
    return explanations, absent


def _scores(
    detector: Detector, windows: NDArray[np.float32], device: str | torch.device
) -> NDArray[np.float64]:
    """cm_scores (n,) of windows (n, samples); raises InputError where one is not finite."""
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(windows), BATCH)
        scored = torch.cat([cm_score(detector(part.to(device))) for part in parts])
    scores: NDArray[np.float64] = scored.double().cpu().numpy()
    if not np.isfinite(scores).all():
        raise InputError(f"{detector.name}: it gives no finite cm_score of this recording")
    return scores


def _choose(
    waveform: NDArray[np.float32],
    windows: NDArray[np.float32],
    scores: NDArray[np.float64],
    window: WindowParams,
    at_s: float | None,
) -> Window:
    """The window with the lowest score, or the one whose middle is nearest to a time."""
    starts = np.array(window_starts(len(waveform), window))
    if len(starts) == 1:
        index, why = 0, "all of it"
    elif at_s is None:
        index, why = int(np.argmin(scores)), f"the most spoof-like of {len(starts)} windows"
    else:
        middles = (starts + window.samples / 2) / SAMPLE_RATE
        index, why = int(np.argmin(np.abs(middles - at_s))), f"the window around {at_s:g} s"
    unrepeated = len(waveform) < window.samples and not window.spectral_subtraction
    samples = waveform if unrepeated else windows[index]
    return Window(int(starts[index]), samples, float(scores[index]), why)
