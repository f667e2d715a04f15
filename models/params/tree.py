"""params.yaml as types: frozen, closed, and refused by name where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams
from models.params.checks import check_params
from models.params.data_checks import DataCheckParams
from models.params.evaluation_sets import EvaluationSetsParams
from models.params.label_noise import LabelNoiseParams
from models.params.learning import (
    AveragingParams,
    DistillationParams,
    GrowthParams,
    ObjectiveParams,
    ScheduleParams,
    TransferParams,
)
from models.params.promotion import PromotionParams
from models.params.robustness import InHardening, RobustnessParams
from models.params.search import SearchParams
from models.params.vocoder import NeuralVocoderParams


@dataclass(frozen=True)
class DataParams:
    """The protocol of each corpus, and how partitions are drawn where a corpus has none."""

    corpora: Mapping[str, str] = field(default_factory=dict)
    partition_seed: int = 2026
    train_share: float = 0.6
    dev_share: float = 0.2


@dataclass(frozen=True)
class WindowParams:
    """How an utterance becomes windows of one length, and their scores one score.

    A detector folder keeps it; what a folder of earlier days does not say is as by default.
    """

    samples: int = 64_600
    hop: int = 32_300
    aggregate: Literal["mean", "min"] = "mean"
    spectral_subtraction: float = 0.0
    spectral_floor: float = 0.02


@dataclass(frozen=True)
class DetectorParams:
    """Which detector, and its keyword arguments."""

    name: str = "aasist"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingParams:
    """How a detector learns."""

    initial: str = "champion"
    pretrained: str | None = None
    loss: Literal["cross-entropy", "bce", "focal", "one-class"] = "cross-entropy"
    bonafide_weight: float = 0.5
    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    final_learning_rate: float = 5e-6
    weight_decay: float = 1e-4
    batch_size: int = 24
    accumulate: int = 1
    epochs: int = 100
    steps_per_epoch: int = 0
    patience: int = 10
    clip_norm: float = 5.0
    crop_samples: int = 64_600
    mixed_precision: Literal["auto", "always", "never"] = "auto"
    compile: bool = False
    balanced: bool = True
    bonafide_evenly: Literal["clips", "speakers", "sources"] = "sources"
    seed: int = 2026
    loader_workers: int | Literal["auto"] = "auto"
    objective: ObjectiveParams = field(default_factory=ObjectiveParams)
    schedule: ScheduleParams = field(default_factory=ScheduleParams)
    averaging: AveragingParams = field(default_factory=AveragingParams)
    transfer: TransferParams = field(default_factory=TransferParams)
    growth: GrowthParams = field(default_factory=GrowthParams)
    distillation: DistillationParams = field(default_factory=DistillationParams)


@dataclass(frozen=True)
class FineTuningParams:
    """What differs from `training` where the weights are a champion's or given ones."""

    learning_rate: float = 1e-5
    epochs: int = 20


@dataclass(frozen=True)
class ContinualParams:
    """How a detector that starts from trained weights keeps what it knew."""

    method: Literal["none", "replay", "ewc", "lwf", "rwm", "rawm", "replay-lwf"] = "none"
    memory_clips: int = 512
    ewc_weight: float = 100.0
    distillation_weight: float = 1.0
    temperature: float = 2.0
    parallel: float = 0.1


@dataclass(frozen=True)
class AdversarialParams:
    """How a trained detector is hardened against perturbed waveforms."""

    epochs: int = 1
    attack: InHardening = "pgd"
    snr_db: float = 40.0
    steps: int = 3
    share: float = 0.5
    trades_beta: float = 0.0
    learning_rate: float = 1e-5


@dataclass(frozen=True)
class CalibrationParams:
    """Where on dev the operating threshold is put."""

    operating_point: Literal["eer", "min_dcf", "miss_rate", "min_cost"] = "eer"
    miss_rate: float = 0.01

    @property
    def target(self) -> float | None:
        """The share of bona fide trials that may be refused, where that is what was set."""
        return self.miss_rate if self.operating_point == "miss_rate" else None


@dataclass(frozen=True)
class EvaluationParams:
    """Costs of the detection cost function, and the attacks a candidate is shown."""

    p_spoof: float = 0.05
    cost_miss: float = 1.0
    cost_false_alarm: float = 10.0
    attacked_trials: int = 64
    attack_snr_db: float = 40.0


@dataclass(frozen=True)
class CompressionParams:
    """How `antiphon compress` makes a detector smaller."""

    calibration_clips: int = 64
    listened_clips: int = 32
    max_score_shift: float = 0.15
    keep: float = 0.5
    learning_rate: float = 1e-4
    epochs: int = 20


@dataclass(frozen=True)
class DriftParams:
    """How much change in a window of traffic is drift."""

    window: int = 200
    score_distance: float = 0.5
    feature_distance: float = 0.5
    feature_share: float = 0.3
    embedding_distance: float = 0.5


@dataclass(frozen=True)
class LeakageParams:
    """What becomes of clips that give away trials by which a detector is judged."""

    exact: Literal["drop", "stop", "report"] = "drop"
    near: Literal["drop", "stop", "report"] = "drop"
    speaker: Literal["drop", "stop", "report"] = "report"
    source: Literal["drop", "stop", "report"] = "report"


@dataclass(frozen=True)
class RetrainingParams:
    """What asks for a cycle besides drift and the schedule."""

    min_new_labels: int = 20


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml."""

    data: DataParams = field(default_factory=DataParams)
    data_checks: DataCheckParams = field(default_factory=DataCheckParams)
    label_noise: LabelNoiseParams = field(default_factory=LabelNoiseParams)
    leakage: LeakageParams = field(default_factory=LeakageParams)
    copy_synthesis: Mapping[str, float] = field(default_factory=dict)
    neural_vocoder: NeuralVocoderParams = field(default_factory=NeuralVocoderParams)
    window: WindowParams = field(default_factory=WindowParams)
    detector: DetectorParams = field(default_factory=DetectorParams)
    search: SearchParams = field(default_factory=SearchParams)
    training: TrainingParams = field(default_factory=TrainingParams)
    fine_tuning: FineTuningParams = field(default_factory=FineTuningParams)
    continual: ContinualParams = field(default_factory=ContinualParams)
    augmentation: Mapping[str, float] = field(default_factory=dict)
    augmentation_audio: AugmentationAudioParams = field(default_factory=AugmentationAudioParams)
    adversarial: AdversarialParams = field(default_factory=AdversarialParams)
    calibration: CalibrationParams = field(default_factory=CalibrationParams)
    evaluation: EvaluationParams = field(default_factory=EvaluationParams)
    robustness: RobustnessParams = field(default_factory=RobustnessParams)
    compression: CompressionParams = field(default_factory=CompressionParams)
    evaluation_sets: EvaluationSetsParams = field(default_factory=EvaluationSetsParams)
    promotion: PromotionParams = field(default_factory=PromotionParams)
    drift: DriftParams = field(default_factory=DriftParams)
    retraining: RetrainingParams = field(default_factory=RetrainingParams)

    def starting(self, *, from_weights: bool) -> Params:
        """What a training goes by: `fine_tuning` is of weights, and so is `training.transfer`."""
        if not from_weights:
            return replace(self, training=replace(self.training, transfer=TransferParams()))
        chosen = self.fine_tuning
        training = replace(self.training, learning_rate=chosen.learning_rate, epochs=chosen.epochs)
        return replace(self, training=training)


def read_params(path: Path) -> Params:
    """Read and check params.yaml; raises InputError naming the key that is wrong."""
    return params_from_mapping(read_yaml(path) or {}, origin=str(path))


def read_yaml(path: Path) -> Any:
    """What a YAML file holds; raises InputError where it cannot be read or is no YAML."""
    import yaml  # a bare GPU worker trains without it

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: text in UTF-8 expected ({error.reason})") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


def params_from_mapping(document: Mapping[str, Any], origin: str = "params") -> Params:
    """Build Params from nested mappings; raises InputError naming the key that is wrong."""
    params: Params = _build(Params, document, origin)
    check_params(params, origin)
    return params


def _build(cls: Any, values: Any, place: str) -> Any:
    if not isinstance(values, Mapping):
        raise InputError(f"{place}: a mapping expected, found {values!r}")
    known = {f.name: f for f in fields(cls)}
    for key in values:
        if key not in known:
            raise InputError(f"{place}: no parameter named '{key}'; known: {', '.join(known)}")
    hints = get_type_hints(cls)
    built = {key: _value(hints[key], value, f"{place}: {key}") for key, value in values.items()}
    missing = [
        name
        for name, f in known.items()
        if name not in built and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise InputError(f"{place}: {', '.join(missing)} expected, not found")
    return cls(**built)


def _value(hint: Any, value: Any, place: str) -> Any:
    if is_dataclass(hint):
        return _build(hint, value, place)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise InputError(
                f"{place}: one of {', '.join(get_args(hint))} expected, found {value!r}"
            )
        return value
    if get_origin(hint) in (UnionType, Union):
        first, other = get_args(hint)
        return _either(first, other, value, place)
    if get_origin(hint) is tuple:
        return _sequence(hint, value, place)
    if get_origin(hint) is not None:  # Mapping[str, …]
        return _mapping(hint, value, place)
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise InputError(f"{place}: {hint.__name__} expected, found {value!r}")
    return value


def _either(first: Any, other: Any, value: Any, place: str) -> Any:
    """A value of the first type, or what may stand in its place: None, or a word of a Literal."""
    if other is NoneType:
        return None if value is None else _value(first, value, place)
    words = get_args(other)
    if isinstance(value, str) and value not in words:
        raise InputError(
            f"{place}: {', '.join(words)} or {first.__name__} expected, found {value!r}"
        )
    return value if value in words else _value(first, value, place)


def _sequence(hint: Any, value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{place}: a list expected, found {value!r}")
    return tuple(_value(get_args(hint)[0], item, f"{place}[{i}]") for i, item in enumerate(value))


def _mapping(hint: Any, value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{place}: a mapping expected, found {value!r}")
    _, item = get_args(hint)
    return {str(key): _value(item, entry, f"{place}.{key}") for key, entry in value.items()}
