"""The requests of a window that moved it most: what to listen to first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.findings import SignalFinding
from monitoring.prepared import Measured
from monitoring.signals import DOMAIN_AUC

if TYPE_CHECKING:
    from pandas import DataFrame

COUNT = 20


def exemplars(
    window: DataFrame, findings: Sequence[SignalFinding], measured: Mapping[str, Measured]
) -> list[dict[str, Any]]:
    """At most COUNT requests, the one that moved the window most first.

    Each signal over its limit ranks the requests by their parts in it: how far transport carries
    a value, how much an embedding looks like the window and unlike the reference. A request's
    `share` is the mean of its ranks, 1 at the top. Where nothing moved, embeddings decide.
    """
    if "request_id" not in window:
        return []
    names = [f.signal.name for f in findings if f.moved] or [DOMAIN_AUC.name]
    parts = {
        name: carried
        for name in names
        if name in measured and (carried := measured[name].carried) is not None
    }
    if not parts:
        return []
    ranks = np.stack([_ranks(carried) for carried in parts.values()])  # (signals, window)
    shares = ranks.mean(axis=0)
    order = np.argsort(-shares, kind="stable")[:COUNT]
    ids = window["request_id"].astype(str).tolist()
    cm_scores = window["cm_score"].to_numpy(np.float64).tolist()
    return [
        {
            "request_id": ids[row],
            "share": round(float(shares[row]), 4),
            "signal": list(parts)[int(ranks[:, row].argmax())],
            "cm_score": cm_scores[row],
        }
        for row in order.tolist()
    ]


def _ranks(carried: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, Any]:
    """Ranks (window,) from 0 to 1; ties share their mean, a missing value is last."""
    values = np.where(np.isfinite(carried), carried, -np.inf)
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray(below / (2 * len(values)))
