"""Signals that are shares of requests: without speech, spoofs, and errors that reviewers found.

The share of spoofs is estimated from verdicts by the error rates of the reference (adjusted count,
Forman 2008). Reviewed requests were chosen, most of them because somebody complained, so the share
of errors among them says nothing of traffic. Their number over all requests of the window does: it
is a lower bound of the share of errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.trials import Label
from monitoring.blocks import Rows
from monitoring.signals import (
    KNOWN_FALSE_ALARMS,
    KNOWN_MISSES,
    LEAST_SPEECH_S,
    SPEECHLESS,
    SPOOF_SHARE,
)

if TYPE_CHECKING:
    from pandas import DataFrame

Flags = NDArray[np.bool_]
_SEED = 2008
LEAST_DIFFERENCE = 0.2  # of the shares of both classes with the verdict spoof; less tells nothing


@dataclass(frozen=True)
class Known:
    """What is known of each request (rows,); None: of no request."""

    speechless: Flags | None
    refused: Flags | None  # the verdict is spoof
    bonafide: Flags | None  # by its label, for some
    spoof: Flags | None


@dataclass(frozen=True)
class WindowShare:
    """A share in a window, the requests that it rests on, and each request's part in it."""

    value: float
    n: int
    rows: NDArray[np.float64]  # (window,)


def rows_of(frame: DataFrame, threshold: float | None) -> Known:
    """What a window of traffic shows; its labels are those of reviewers, missing for most."""
    speech = _product(frame, "duration_s", "speech_ratio")
    scores = frame["cm_score"].to_numpy(np.float64) if "cm_score" in frame else None
    refused = None if threshold is None or scores is None else scores < threshold
    labels = frame["label"].astype(object).to_numpy() if "label" in frame else None
    bonafide, spoof = (
        None if labels is None else np.asarray(labels == label.value, dtype=np.bool_)
        for label in (Label.BONAFIDE, Label.SPOOF)
    )
    speechless = None if speech is None else speech < LEAST_SPEECH_S
    return Known(speechless, refused, bonafide, spoof)


def rows_known(reference: DataFrame, threshold: float | None) -> Known:
    """What a reference shows, whose rows all have a label, or none."""
    known = rows_of(reference, threshold)
    if known.bonafide is None or not (known.bonafide.any() and _any(known.spoof)):
        return Known(known.speechless, known.refused, None, None)
    return known


@dataclass(frozen=True)
class Shares:
    """The shares of a reference."""

    known: Known

    @classmethod
    def of(cls, known: Known) -> Shares:
        """Of what is known of the reference."""
        return cls(known)

    def of_rows(self, source: Known, window: Rows, rest: Rows) -> dict[str, float]:
        """The signals of a window that is rows of a source, all of them labelled."""
        flags = (source.speechless, source.refused, source.bonafide, source.spoof)
        parts = (None if side is None else side[window] for side in flags)
        return {name: rate.value for name, rate in self.of_window(Known(*parts), rest).items()}

    def of_window(self, window: Known, rest: Rows) -> dict[str, WindowShare]:
        """The signals of a window against some rows of the reference."""
        return dict(self._rates(window, rest))

    def _rates(self, window: Known, rest: Rows) -> Iterator[tuple[str, WindowShare]]:
        if window.speechless is not None and self.known.speechless is not None:
            yield SPEECHLESS.name, _rate(window.speechless, len(window.speechless))
        if window.refused is None or self.known.refused is None:
            return
        if self.known.bonafide is None or self.known.spoof is None:
            return
        value = abs(self._spoofs(window.refused, rest) - float(self.known.spoof[rest].mean()))
        yield (
            SPOOF_SHARE.name,
            WindowShare(value, len(window.refused), window.refused.astype(float)),
        )
        if window.bonafide is None or window.spoof is None:
            return
        reviewed = int(window.bonafide.sum() + window.spoof.sum())
        if reviewed:
            yield KNOWN_MISSES.name, _rate(window.refused & window.bonafide, reviewed)
            yield KNOWN_FALSE_ALARMS.name, _rate(~window.refused & window.spoof, reviewed)

    def spoof_share(self, refused: Flags, rest: Rows | None = None) -> float | None:
        """The share of spoofs among requests with such verdicts; None where nothing is known."""
        if self.known.spoof is None or self.known.refused is None:
            return None
        return self._spoofs(refused, np.arange(len(self.known.spoof)) if rest is None else rest)

    def _spoofs(self, refused: Flags, rows: Rows) -> float:
        known = self.known
        assert known.bonafide is not None and known.spoof is not None and known.refused is not None
        caught = known.refused[rows][known.spoof[rows]]
        missed = known.refused[rows][known.bonafide[rows]]
        if not caught.size or not missed.size:
            return float(known.spoof[rows].mean())
        difference = float(caught.mean() - missed.mean())
        if difference < LEAST_DIFFERENCE:
            return float(known.spoof[rows].mean())
        return float(np.clip((refused.mean() - missed.mean()) / difference, 0.0, 1.0))


def with_share(spoof: Flags, share: float) -> Rows:
    """The most rows (n,) of which such a share are spoofs; the same ones each time."""
    random = np.random.default_rng(_SEED)
    classes = [random.permutation(np.flatnonzero(flags)) for flags in (spoof, ~spoof)]
    wanted = (share, 1.0 - share)
    total = min(len(rows) / part for rows, part in zip(classes, wanted, strict=True) if part > 0)
    counts = [int(total * part) for part in wanted]
    return np.sort(np.concatenate([r[:c] for r, c in zip(classes, counts, strict=True)]))


def _rate(flags: Flags, n: int) -> WindowShare:
    return WindowShare(float(flags.mean()), n, flags.astype(np.float64))


def _product(frame: DataFrame, first: str, second: str) -> NDArray[np.float64] | None:
    """A product of two columns, NaN where one is missing; None where no row has both."""
    if first not in frame or second not in frame:
        return None
    product = (frame[first] * frame[second]).to_numpy(np.float64)
    return product if np.isfinite(product).any() else None


def _any(flags: Flags | None) -> bool:
    return flags is not None and bool(flags.any())
