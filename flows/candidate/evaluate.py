"""What dev and eval say of a detector through its graph, as the files that everybody reads.

EVALUATION/
  scores.csv  report.json  metrics.json      figures
  det.csv  roc.csv  histogram.csv  confusion.csv   plots
  forgetting.csv  forgetting.png             EER of each attack: earlier champions and this one
  reference.parquet                          what drift is measured against
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flows.candidate.detector_folders import (
    Opener,
    describe_clips,
    open_exported,
    score_and_sketch,
    score_exported,
)
from flows.candidate.forgetting_table import ScoredDetector, follow
from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through
from models.errors import InputError
from models.evaluation.calibration import write_calibration
from models.evaluation.calibration_fit import fit_calibration
from models.evaluation.plots import confusion, det_curve, roc_curve, score_histogram
from models.evaluation.policies import place_policies, write_policies
from models.evaluation.reference import write_reference
from models.evaluation.report import build_report
from models.evaluation.scores import Scores, write_scores
from models.files.manifest import REFERENCE, read_manifest, write_manifest
from models.files.whole_files import write_json, write_rows
from models.params.calibration import NO_CODEC
from models.training.continual.picture import draw_forgetting

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.packaging.runtime import ExportedDetector
    from models.params.tree import Params

REPORT = "report.json"
METRICS = "metrics.json"


def calibrate(detector: Path, dev: Clips, params: Params, opener: Opener = open_exported) -> None:
    """Check the graph of a detector folder; fit calibration and policies on dev through it."""
    exported = opener(detector)
    exported.check_golden()
    chosen = params.calibration
    scores = score_exported(exported, dev, progress="score dev")
    calibration = fit_calibration(scores, chosen, params.evaluation)
    behind_codecs = {
        codec: fit_calibration(_score_through(exported, dev, codec), chosen, params.evaluation)
        for codec in {policy.codec for policy in chosen.policies.values()} - {NO_CODEC}
    }
    write_calibration(detector, calibration)
    write_policies(detector, place_policies(calibration, behind_codecs, chosen.policies))
    write_manifest(detector, read_manifest(detector))


def _score_through(exported: ExportedDetector, dev: Clips, codec: str) -> Scores:
    """Scores of dev as it sounds behind a codec; raises InputError if this machine has none."""
    if reason := CODECS[codec].missing():
        raise InputError(f"calibration.policies: {codec} cannot be used, {reason}")

    def behind(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        return through(CODECS[codec], waveform, np.random.default_rng(0))

    return score_exported(exported, dev, progress=f"score dev through {codec}", effect=behind)


def write_evaluation(
    detector: Path,
    clips: Clips,
    params: Params,
    folder: Path,
    under_attack: Mapping[str, Any] | None = None,
    champion: Path | None = None,
    opener: Opener = open_exported,
) -> Scores:
    """Score eval clips; report, plots and the reference for drift into `folder`.

    `under_attack` is what the report says of attacks on the detector itself; the folder of a
    champion tells what was known before.
    """
    exported = opener(detector)
    scores, sketches = score_and_sketch(exported, clips, progress="score eval")
    report = build_report(scores, params.evaluation, calibration=exported.calibration).to_json()
    manifest = read_manifest(detector)
    report["detector"] = {"name": manifest.detector, "options": dict(manifest.options)}
    report["under_attack"] = dict(under_attack or {})
    previous = _score_champion(champion, clips, opener) if champion else None
    forgetting = follow(ScoredDetector(detector, scores), previous, REPORT)
    report["forgetting"] = forgetting.to_json()
    folder.mkdir(parents=True, exist_ok=True)
    write_scores(folder / "scores.csv", scores)
    acoustics = describe_clips(clips)
    write_reference(folder / REFERENCE, scores.cm_scores, acoustics, sketches, clips.trials)
    write_json(folder / REPORT, report)
    write_json(folder / METRICS, _headline(report))
    _write_plots(folder, scores, report["threshold"])
    write_rows(folder / "forgetting.csv", forgetting.rows())
    draw_forgetting(forgetting, folder / "forgetting.png")
    return scores


def _score_champion(champion: Path, clips: Clips, opener: Opener) -> ScoredDetector:
    exported = opener(champion)
    return ScoredDetector(champion, score_exported(exported, clips, progress="score the champion"))


def _headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """What `dvc metrics diff` compares."""
    return {
        "pooled": {k: v for k, v in report["pooled"].items() if isinstance(v, int | float)},
        "eer_by_attack": {a: m["eer"] for a, m in report["by_attack"].items()},
        "eer_under_attack": report["under_attack"].get("eer", {}),
        "under_attack": _robustness(report["under_attack"]),
        "trials": report["trials"],
    }


def _robustness(under_attack: Mapping[str, Any]) -> dict[str, Any]:
    """EERs beyond the candidate's own at the first SNR, and 1 for each guard that holds."""
    return {
        "by_snr": under_attack.get("by_snr", {}),
        "champion": under_attack.get("champion", {}).get("eer", {}),
        "transfer": under_attack.get("transfer", {}).get("eer", {}),
        "guards": {name: int(g["holds"]) for name, g in under_attack.get("guards", {}).items()},
    }


def _write_plots(folder: Path, scores: Scores, threshold: float) -> None:
    write_rows(folder / "det.csv", det_curve(scores))
    write_rows(folder / "roc.csv", roc_curve(scores))
    write_rows(folder / "histogram.csv", score_histogram(scores))
    write_rows(folder / "confusion.csv", confusion(scores, threshold))
