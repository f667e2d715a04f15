"""What params.yaml may not say: values out of bounds, names nobody knows, and contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

from models.errors import InputError
from models.params.augmentation import EFFECTS, check_names
from models.params.data_checks import DATA_CHECK_BOUNDS
from models.params.evaluation_sets import EVALUATION_SETS_BOUNDS
from models.params.label_noise import LABEL_NOISE_BOUNDS
from models.params.learning import LEARNING_BOUNDS
from models.params.promotion import PROMOTION_BOUNDS
from models.params.search import SEARCH_BOUNDS
from models.params.seeds import MOST_SEED
from models.params.vocoder import VOCODER_BOUNDS, VOCODERS

if TYPE_CHECKING:
    from models.params.tree import AdversarialParams, Params

# name of a parameter -> (lowest, highest) it may be
_BOUNDS: dict[str, tuple[float, float]] = {
    "data.partition_seed": (0, MOST_SEED),
    "data.train_share": (0.0, 1.0),
    "data.dev_share": (0.0, 1.0),
    "window.samples": (8_000, 1_600_000),
    "window.hop": (1, 1_600_000),
    "window.spectral_subtraction": (0.0, 20.0),
    "window.spectral_floor": (0.0, 1.0),
    "training.seed": (0, MOST_SEED),
    "training.bonafide_weight": (0.01, 0.99),
    "training.learning_rate": (0.0, 1.0),
    "training.final_learning_rate": (0.0, 1.0),
    "training.weight_decay": (0.0, 1.0),
    "training.clip_norm": (0.0, 1e6),
    "training.batch_size": (0, 65_536),
    "training.epochs": (1, 100_000),
    "training.steps_per_epoch": (0, 10_000_000),
    "training.patience": (1, 100_000),
    "training.crop_samples": (8_000, 1_600_000),
    "training.loader_workers": (0, 1_024),
    "fine_tuning.learning_rate": (0.0, 1.0),
    "fine_tuning.epochs": (1, 100_000),
    "continual.memory_clips": (1, 10_000_000),
    "continual.ewc_weight": (0.0, 1e9),
    "continual.distillation_weight": (0.0, 1e6),
    "continual.temperature": (0.1, 100.0),
    "continual.parallel": (0.0, 1.0),
    "adversarial.epochs": (0, 100_000),
    "adversarial.steps": (1, 1_000),
    "adversarial.snr_db": (0.0, 120.0),
    "adversarial.learning_rate": (0.0, 1.0),
    "adversarial.share": (0.0, 1.0),
    "adversarial.trades_beta": (0.0, 1_000.0),
    "calibration.miss_rate": (0.0, 0.5),
    "evaluation.p_spoof": (0.0, 1.0),
    "evaluation.attacked_trials": (0, 1_000_000),
    "evaluation.attack_snr_db": (0.0, 120.0),
    "robustness.steps": (1, 10_000),
    "robustness.queries": (2, 1_000_000),
    "robustness.universal_steps": (1, 1_000_000),
    "robustness.guard_trials": (0, 1_000_000),
    "compression.calibration_clips": (1, 1_000_000),
    "compression.listened_clips": (2, 1_000_000),
    "compression.max_score_shift": (0.0, 100.0),
    "compression.keep": (0.01, 1.0),
    "compression.learning_rate": (0.0, 1.0),
    "compression.epochs": (1, 100_000),
    "drift.window": (10, 10_000_000),
    "drift.feature_share": (0.0, 1.0),
    "retraining.min_new_labels": (1, 1_000_000),
    **EVALUATION_SETS_BOUNDS,
    **DATA_CHECK_BOUNDS,
    **LABEL_NOISE_BOUNDS,
    **LEARNING_BOUNDS,
    **PROMOTION_BOUNDS,
    **SEARCH_BOUNDS,
    **VOCODER_BOUNDS,
}


def check_params(params: Params, origin: str) -> None:
    """Raise InputError naming the first key that is wrong; `origin` is the file."""
    for name, (low, high) in _BOUNDS.items():
        value: Any = reduce(getattr, name.split("."), params)
        if value not in ("auto", None) and not low <= value <= high:
            raise InputError(
                f"{origin}: {name}: {low:.10g} to {high:.10g} expected, found {value!r}"
            )
    params.robustness.check(origin)
    params.evaluation_sets.check(origin)
    params.neural_vocoder.check(origin)
    params.augmentation_audio.check(origin)
    check_names(f"{origin}: augmentation", "augmentation", params.augmentation, EFFECTS)
    check_names(f"{origin}: copy_synthesis", "vocoder", params.copy_synthesis, VOCODERS)
    for section in ("augmentation", "copy_synthesis"):
        for name, share in getattr(params, section).items():
            if not 0.0 <= share <= 1.0:
                raise InputError(f"{origin}: {section}.{name}: 0 to 1 expected, found {share!r}")
    for objection in (*_of_training(params), *_of_hardening(params.adversarial), *_of_data(params)):
        raise InputError(f"{origin}: {objection}")


def _of_training(params: Params) -> Iterator[str]:
    """What each key allows by itself and the others do not."""
    training, objective = params.training, params.training.objective
    if objective.one_class_spoof_margin >= objective.one_class_bonafide_margin:
        yield (
            "training.objective: one_class_spoof_margin below one_class_bonafide_margin expected, "
            f"found {objective.one_class_spoof_margin} and {objective.one_class_bonafide_margin}"
        )
    if 0 < training.batch_size < training.accumulate:
        yield (
            f"training.accumulate: at most the batch_size of {training.batch_size} expected, found "
            f"{training.accumulate}"
        )
    if objective.mixup > 0.0 and params.continual.method in ("rwm", "rawm"):
        yield (
            f"training.objective.mixup: 0 expected with continual.method "
            f"{params.continual.method}, whose steps ask how much of a batch is bona fide, found "
            f"{objective.mixup:g}"
        )


def _of_hardening(adversarial: AdversarialParams) -> Iterator[str]:
    if adversarial.attack != "free":
        return
    if adversarial.steps < 2:
        yield "adversarial.steps: 2 or more expected with attack free, whose first pass is clean"
    if adversarial.trades_beta > 0.0:
        yield "adversarial.trades_beta: 0 expected with attack free, which has no attacked twins"


def _of_data(params: Params) -> Iterator[str]:
    if params.data.train_share + params.data.dev_share >= 1.0:
        yield "data: train_share + dev_share must leave a share for eval"
    if params.evaluation.attacked_trials == 1:
        yield "evaluation.attacked_trials: 0, or 2 and more (of both classes) expected, found 1"
