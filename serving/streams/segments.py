"""Stretches of a channel with one verdict each: where a voice changes in the middle of a call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np

from models.audio.reading import SAMPLE_RATE
from models.evaluation.calibration import Calibration
from models.evaluation.policies import Policy, SpeechVerdict
from serving.streams.judgement import ScoredSpan
from serving.streams.messages import StreamSegment

_Piece = tuple[int, int, float | None]  # start, end, mean cm_score


def segments_of(
    channel: int, spans: Sequence[ScoredSpan], policy: Policy, calibration: Calibration
) -> list[StreamSegment]:
    """The stretches of one channel in the order of time.

    Overlapping windows cut the time into pieces; a piece has the mean score of the windows in which
    it lies, and a verdict by the policy. Neighbours with one verdict are one stretch.
    """

    def verdict_of(piece: _Piece) -> SpeechVerdict:
        score = piece[2]
        if score is None:
            return SpeechVerdict.UNSCORABLE
        return policy.verdict(calibration.llr_of(score))

    segments: list[StreamSegment] = []
    for verdict, group in groupby(_pieces(spans), verdict_of):
        for run in _unbroken(list(group)):
            segments.append(_segment(channel, verdict, run))
    return segments


def _pieces(spans: Sequence[ScoredSpan]) -> list[_Piece]:
    edges = sorted({edge for span in spans for edge in (span.start, span.end)})
    ordered = sorted(spans, key=lambda span: span.start)
    pieces: list[_Piece] = []
    first = 0  # windows end in the order of their beginnings
    for start, end in pairwise(edges):
        while first < len(ordered) and ordered[first].end <= start:
            first += 1
        inside = []
        for span in ordered[first:]:
            if span.start > start:
                break
            if span.end >= end:
                inside.append(span)
        if inside:
            scores = [span.cm_score for span in inside if span.cm_score is not None]
            pieces.append((start, end, float(np.mean(scores)) if scores else None))
    return pieces


def _unbroken(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Runs without a gap between."""
    runs: list[list[_Piece]] = []
    for piece in pieces:
        if runs and runs[-1][-1][1] == piece[0]:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _segment(channel: int, verdict: SpeechVerdict, run: list[_Piece]) -> StreamSegment:
    lengths = [end - start for start, end, _ in run]
    scores = [score for _, _, score in run if score is not None]
    score = float(np.average(scores, weights=lengths)) if len(scores) == len(run) else None
    return StreamSegment(
        channel=channel,
        start=round(run[0][0] / SAMPLE_RATE, 3),
        end=round(run[-1][1] / SAMPLE_RATE, 3),
        verdict=verdict,
        score=None if score is None else round(score, 4),
    )
