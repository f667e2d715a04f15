"""Scores one window of a stream, off the event loop."""

from __future__ import annotations

import asyncio
import math

import numpy as np

from models.audio.reading import SAMPLE_RATE
from models.audio.speech import HOP_S, SHORTEST_S, speech_activity
from models.audio.windows import cut_windows
from models.packaging.runtime import cm_scores
from serving.champion import LoadedChampion
from serving.runners import Runners
from serving.streams.judgement import ScoredCut
from serving.streams.track import Cut


async def score_cut(runners: Runners, champion: LoadedChampion, cut: Cut) -> ScoredCut:
    """What the detector makes of a window. Raises whatever its runtime raises."""
    reason, speech_s, new_speech_s = await asyncio.to_thread(
        listen, cut, champion.manifest.window.samples
    )
    if reason is not None:
        return ScoredCut(cut, None, reason, speech_s, new_speech_s)
    windows = await asyncio.to_thread(cut_windows, cut.waveform, champion.manifest.window)
    logits, _ = await asyncio.wrap_future(runners.submit(champion, windows))
    score = float(cm_scores(logits)[0])
    if not math.isfinite(score):
        raise ValueError(f"a finite cm_score expected, found {score}")
    return ScoredCut(cut, score, None, speech_s, new_speech_s)


def listen(cut: Cut, window: int) -> tuple[str | None, float, float]:
    """Why a window cannot be scored, and its speech and new speech in seconds.

    A detector of short windows (of `window` samples) would never hear half a second of speech in
    one: half of a window is enough then.
    """
    activity = speech_activity(cut.waveform, min(SHORTEST_S, window / SAMPLE_RATE / 2))
    frames, reason = activity.frames, activity.reason
    new = math.ceil(cut.new / SAMPLE_RATE / HOP_S)
    counts = np.count_nonzero(frames), np.count_nonzero(frames[-new:])
    speech_s, new_speech_s = (float(count) * HOP_S for count in counts)
    return (None if reason is None else reason.value), speech_s, new_speech_s
