"""params.yaml as types: frozen, closed, and refused by name where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from models.errors import InputError
from models.params.adversarial import AdversarialParams
from models.params.augmentation import (
    DEFAULT_AUGMENTATION,
    Augmentation,
    AugmentationAudioParams,
    CopySynthesis,
)
from models.params.calibration import CalibrationParams
from models.params.compression import CompressionParams
from models.params.continual import ContinualParams
from models.params.data import DataParams
from models.params.data_checks import DataCheckParams
from models.params.detector import PUBLISHED, DetectorParams, published_for
from models.params.drift import DriftParams
from models.params.evaluation import EvaluationParams
from models.params.evaluation_sets import EvaluationSetsParams
from models.params.fine_tuning import FineTuningParams
from models.params.label_noise import LabelNoiseParams
from models.params.leakage import LeakageParams
from models.params.neural_vocoder import NeuralVocoderParams
from models.params.promotion import PromotionParams
from models.params.refusals import validated
from models.params.removed import without_removed
from models.params.retraining import RetrainingParams, ReviewParams
from models.params.robustness import RobustnessParams
from models.params.search import SearchParams
from models.params.section import CLOSED, ContradictionError
from models.params.training import TrainingParams
from models.params.window import StreamParams, WindowParams


@dataclass(frozen=True, config=CLOSED)
class Params:
    """The whole of params.yaml."""

    data: DataParams = field(default_factory=DataParams)
    data_checks: DataCheckParams = field(default_factory=DataCheckParams)
    label_noise: LabelNoiseParams = field(default_factory=LabelNoiseParams)
    leakage: LeakageParams = field(default_factory=LeakageParams)
    copy_synthesis: CopySynthesis = Field(
        default_factory=dict,
        description="vocoder -> share of bona fide train trials that it makes spoofs of",
    )
    neural_vocoder: NeuralVocoderParams = field(default_factory=NeuralVocoderParams)
    window: WindowParams = field(default_factory=WindowParams)
    streams: StreamParams = field(default_factory=StreamParams)
    detector: DetectorParams = field(default_factory=DetectorParams)
    search: SearchParams = field(default_factory=SearchParams)
    training: TrainingParams = field(default_factory=TrainingParams)
    fine_tuning: FineTuningParams = field(default_factory=FineTuningParams)
    continual: ContinualParams = field(default_factory=ContinualParams)
    augmentation: Augmentation = Field(
        default_factory=lambda: dict(DEFAULT_AUGMENTATION),
        description="effect -> probability that a training clip gets it; docs/augmentations.md",
    )
    augmentation_audio: AugmentationAudioParams = field(default_factory=AugmentationAudioParams)
    adversarial: AdversarialParams = field(default_factory=AdversarialParams)
    calibration: CalibrationParams = field(default_factory=CalibrationParams)
    evaluation: EvaluationParams = field(default_factory=EvaluationParams)
    robustness: RobustnessParams = field(default_factory=RobustnessParams)
    compression: CompressionParams = field(default_factory=CompressionParams)
    evaluation_sets: EvaluationSetsParams = field(default_factory=EvaluationSetsParams)
    promotion: PromotionParams = field(default_factory=PromotionParams)
    drift: DriftParams = field(default_factory=DriftParams)
    review: ReviewParams = field(default_factory=ReviewParams)
    retraining: RetrainingParams = field(default_factory=RetrainingParams)

    @model_validator(mode="after")
    def _mixed_labels_are_allowed(self) -> Params:
        mixup, method = self.training.objective.mixup, self.continual.method
        if mixup > 0.0 and method in ("rwm", "rawm"):
            raise ContradictionError(
                "training.objective.mixup",
                f"0 expected with continual.method {method}, whose steps ask how much of a batch "
                f"is bona fide, found {mixup:g}",
            )
        return self

    @model_validator(mode="after")
    def _compiled_steps_have_one_length(self) -> Params:
        if self.training.compile and self.window.short == "own":
            raise ContradictionError(
                "training.compile",
                "false expected with window.short own, whose batches have many lengths, found true",
            )
        return self

    @property
    def pretrained(self) -> tuple[str, ...]:
        """What `training.pretrained` means for the detector: names, files or folders, each once."""
        chosen = self.training.pretrained
        if chosen == PUBLISHED:
            return published_for(self.detector.name, self.detector.options)
        return () if chosen is None else (chosen,) if isinstance(chosen, str) else chosen

    def starting(self, *, from_weights: bool) -> Params:
        """What a training goes by: `fine_tuning` is of weights alone."""
        if not from_weights:
            scratch = self.training.from_scratch(pretrained=bool(self.pretrained))
            return replace(self, training=scratch)
        chosen = self.fine_tuning
        training = replace(self.training, learning_rate=chosen.learning_rate, epochs=chosen.epochs)
        return replace(self, training=training)


def read_params(path: Path) -> Params:
    """Read and check params.yaml; raises InputError naming the key that is wrong."""
    return params_from_mapping(read_yaml(path) or {}, origin=str(path))


def read_yaml(path: Path) -> Any:
    """What a YAML file holds; raises InputError where it cannot be read or is no YAML."""
    import yaml  # a GPU worker trains without it

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
    return validated(Params, without_removed(document, origin), origin)


def document_of(params: Params, complete: bool = True) -> dict[str, Any]:
    """Params as nested mappings that can be read again: all, or what differs from the defaults."""
    dump = TypeAdapter(Params).dump_python(params, mode="json", exclude_defaults=not complete)
    document: dict[str, Any] = dump
    return document
