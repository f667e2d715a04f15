"""Explanations as a folder: a picture and the data of each method, and one summary.

OUT/
  explanation.json              file, detector, scores, window, figures, and what is absent
  integrated-gradients.png      one picture a method
  integrated-gradients.npz      values (bands, times), edges_hz, edges_s (of the recording) …
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import InputError
from models.explanations.explain import Explained
from models.explanations.explanation import Contributions, Explanation, Map, Numbers
from models.explanations.picture import draw
from models.files.whole_folders import written_whole

SUMMARY = "explanation.json"


def save(explained: Explained, folder: Path, file: str) -> None:
    """Write the folder, whole or not at all; an older one of this kind is replaced.

    Raises InputError where the folder holds something else or no method gave a result.
    """
    if not explained.explanations:
        raise InputError("; ".join(explained.absent.values()))
    with written_whole(folder, SUMMARY) as new:
        for method, explanation in explained.explanations.items():
            data: dict[str, Any] = arrays(explanation, explained.window.start_s)
            np.savez_compressed(new / f"{method}.npz", **data)
            draw(explained, method, new / f"{method}.png", file)
        text = json.dumps(summary(explained, file), indent=2, allow_nan=False)
        (new / SUMMARY).write_text(text + "\n", encoding="utf-8")


def summary(explained: Explained, file: str) -> dict[str, Any]:
    """The parts that fit into JSON: window, scores, figures of each method, absent methods."""
    window = explained.window
    return {
        "file": file,
        "detector": explained.detector,
        "cm_score": explained.cm_score,
        "duration_s": explained.duration_s,
        "window": {
            "start_s": window.start_s,
            "end_s": window.end_s,
            "cm_score": window.cm_score,
            "chosen": window.chosen,
        },
        "explanations": {
            method: {
                "red": explanation.meaning,
                "unit": explanation.unit,
                "figures": dict(explanation.figures),
                **_shares(explanation),
            }
            for method, explanation in explained.explanations.items()
        },
        "absent": dict(explained.absent),
    }


def arrays(explanation: Explanation, start_s: float) -> dict[str, Numbers]:
    """Every array of an explanation by name; times are seconds of the recording."""
    if isinstance(explanation, Contributions):
        return {
            "names": np.array(explanation.names),
            "values": explanation.values,
            "usual": explanation.usual,
            "shares": explanation.shares,
        }
    profiles = {"over_hz": explanation.over_hz, "over_s": explanation.over_s}
    return {
        "values": explanation.values,
        "edges_hz": explanation.edges_hz,
        "edges_s": explanation.edges_s + start_s,
        **{name: values for name, values in profiles.items() if values is not None},
        **explanation.arrays,
    }


def _shares(explanation: Explanation) -> dict[str, Any]:
    if isinstance(explanation, Map):
        return {}
    return {"shares": dict(zip(explanation.names, explanation.shares.tolist(), strict=True))}
