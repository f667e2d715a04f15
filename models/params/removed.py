"""Parameters that there were once: a file that has one as it was by default is read as before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import InputError

# key -> what it is fixed at
REMOVED: dict[str, Any] = {
    "data_checks.lowest_rate": 16_000,
    "data_checks.highest_rate": 96_000,
    "data_checks.longest_s": 60.0,
    "data_checks.lowest_treble_db": -60.0,
    "data_checks.lowest_snr_db": 10.0,
    "data_checks.clipped_share": 0.005,
    "data_checks.silent_share": 0.5,
    "data_checks.highest_offset": 0.01,
    "data_checks.minority_share": 0.05,
    "data_checks.speaker_share": 0.5,
    "data_checks.attack_trials": 10,
    "label_noise.crop_samples": 32_000,
    "label_noise.seeds": 1,
    "search.warmup": 0.25,
    "search.nodes": 4,
    "search.final_learning_rate": 0.001,
    "search.momentum": 0.9,
    "search.weight_decay": 3e-4,
    "search.architecture_learning_rate": 3e-3,
    "search.architecture_weight_decay": 1e-3,
    "training.clip_norm": 5.0,
    "training.objective.focal_gamma": 2.0,
    "training.objective.one_class_scale": 20.0,
    "training.objective.one_class_bonafide_margin": 0.9,
    "training.objective.one_class_spoof_margin": 0.2,
    "training.schedule.cycles": 4,
    "training.averaging.norm_steps": 10,
    "training.distillation.weight": 1.0,
    "training.distillation.temperature": 2.0,
    "continual.temperature": 2.0,
    "robustness.queries": 60,
    "robustness.universal_steps": 40,
    "drift.score_distance": 0.5,
    "drift.embedding_distance": 0.5,
    "drift.feature_distance": 0.5,
    "drift.feature_share": 0.3,
}

# key -> what to do where it had another value
INSTEAD = {
    key: "removed, limits are calibrated now: delete it, and set drift.false_alarm_rate instead"
    for key in ("drift.score_distance", "drift.embedding_distance", "drift.feature_distance",
                "drift.feature_share")
}  # fmt: skip


def without_removed(document: Any, origin: str, above: str = "") -> Any:
    """The document without removed keys; raises InputError where one asks for another value."""
    if not isinstance(document, Mapping):
        return document
    kept = {}
    for key, value in document.items():
        name = f"{above}{key}"
        if name not in REMOVED:
            kept[key] = without_removed(value, origin, f"{name}.")
        elif isinstance(value, bool) or value != REMOVED[name]:
            instead = INSTEAD.get(name, f"removed, and fixed at {REMOVED[name]:g}")
            raise InputError(f"{origin}: {name}: {instead}; found {value!r}")
    return kept
