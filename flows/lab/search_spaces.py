"""What `antiphon tune` looks for in each detector: keys of params.yaml and the values of each.

    training.learning_rate: {low: 1.0e-5, high: 1.0e-2, log: true}
    detector.options.widths: {choices: [[16, 16, 32], [32, 32, 64]]}

A detector that the table does not name is searched in EVERY alone. A search finds nothing that its
space does not hold, and every key more asks for more trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.lab.recipes import read_recipes, with_recipe
from models.errors import InputError
from models.params.tree import Params

OPTIONS = "detector.options."


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; whole ones, if both ends are."""

    low: float
    high: float
    log: bool = False  # even in the logarithm

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def ends(self) -> tuple[Any, ...]:
        """Values by which a space is checked."""
        return self.low, self.high


@dataclass(frozen=True)
class Choices:
    """A few values of any kind, in no order."""

    values: tuple[Any, ...]

    def ends(self) -> tuple[Any, ...]:
        """Values by which a space is checked: all."""
        return self.values


Dimension = Range | Choices
Space = Mapping[str, Dimension]

EVERY: Space = {
    "training.learning_rate": Range(1e-5, 1e-2, log=True),
    "training.batch_size": Choices((8, 16, 24, 32)),
}
_DROPOUT: Space = {"detector.options.dropout": Range(0.0, 0.7)}
_AASIST: Space = {
    **EVERY,
    "detector.options.readout_dropout": Range(0.0, 0.6),
    "detector.options.pool_dropout": Range(0.0, 0.4),
    "detector.options.blocks": Range(4, 7),  # depth
    "detector.options.widths": Choices(([16, 16, 32], [32, 32, 24], [32, 32, 64], [48, 48, 96])),
    "detector.options.graph_dims": Choices(([24, 32], [64, 32], [128, 128])),
}
_PRETRAINED: Space = {  # small steps from weights that know speech; memory is short
    "training.learning_rate": Range(1e-7, 1e-4, log=True),
    "training.batch_size": Choices((2, 4, 8, 14)),
    "detector.options.front_dropout": Range(0.0, 0.2),
    "detector.options.readout_dropout": Range(0.0, 0.6),
}
_WHISPER: Space = {
    **EVERY,
    "detector.options.front_rate": Range(1e-3, 1.0, log=True),
    "detector.options.layers": Choices(([0, 1], [0, 1, 2, 3])),
    "detector.options.mix": Choices(("concat", "weighted")),
}
# detector -> what is searched: its learning rate, batch size, dropout, depth and width, as far as
# it has them; one that is not named is searched in EVERY
SEARCH_SPACES: Mapping[str, Space] = {
    "aasist": _AASIST,
    "aasist-l": _AASIST,
    "rawgat-st": {
        **EVERY,
        "detector.options.attention_dropout": Range(0.0, 0.4),
        "detector.options.pool_dropout": Range(0.0, 0.4),
        "detector.options.widths": Choices(([16, 16, 32], [32, 32, 64])),
        "detector.options.graph_dims": Choices(([24, 12], [32, 16], [64, 32])),
    },
    "rawnet2": {
        **EVERY,
        "detector.options.gru_layers": Range(1, 3),  # depth
        "detector.options.gru_units": Choices((256, 512, 1024)),
        "detector.options.widths": Choices(([20, 64], [20, 128], [32, 128])),
    },
    "lcnn": {
        **EVERY,
        **_DROPOUT,
        "detector.options.recurrent_layers": Range(1, 3),  # depth
        "detector.options.widths": Choices(([16, 24, 32, 16], [32, 48, 64, 32])),
    },
    "resnet": {
        **EVERY,
        "detector.options.widths": Choices(([16, 32, 64, 128], [64, 128, 256, 512])),
        "detector.options.embedding": Choices((64, 128, 256)),
    },
    "mel-transformer": {
        **EVERY,
        **_DROPOUT,
        "detector.options.layers": Range(1, 6),  # depth
        "detector.options.features": Choices((64, 128, 256)),
    },
    "mfcc-attention": {
        **EVERY,
        **_DROPOUT,
        "detector.options.widths": Choices(([32, 64], [32, 64, 128], [32, 64, 128, 128])),
        "detector.options.features": Choices((64, 128, 256)),
    },
    "cnn-lstm": {
        **EVERY,
        **_DROPOUT,
        "detector.options.widths": Choices(([16, 32], [16, 32, 64], [32, 64, 128])),
        "detector.options.units": Choices((32, 64, 128)),
    },
    "spectrum": {  # estimated, like the next two
        "detector.options.inverse_penalty": Range(1e-3, 1e2, log=True),
        "detector.options.passes": Range(1, 4),
    },
    "speaker": {
        "detector.options.block": Choices((1, 2)),
        "detector.options.inverse_penalty": Range(1e-3, 1e2, log=True),
        "detector.options.passes": Range(1, 4),
    },
    "lfcc-gmm": {  # estimated: it takes no steps
        "detector.options.components": Choices((64, 128, 256, 512)),
        "detector.options.iterations": Range(5, 20),
        "detector.options.highest_hz": Choices((4000.0, 8000.0)),
    },
    "ssl-aasist": {
        **_PRETRAINED,
        "detector.options.graph_dims": Choices(([24, 32], [64, 32])),
    },
    "light-darts": _PRETRAINED,
    "whisper": {**_WHISPER, **_DROPOUT, "detector.options.embedding": Choices((64, 128, 256))},
    "whisper-aasist": {**_WHISPER, "detector.options.readout_dropout": Range(0.0, 0.6)},
    "probes": {  # estimated
        "detector.options.layers": Choices(([1, 2], [2], [1, 2, 3])),
        "detector.options.blocks": Choices(([0, 1, 2], [0, 1], [1])),
        "detector.options.inverse_penalty": Range(1e-4, 1e1, log=True),
        "detector.options.passes": Range(1, 4),
    },
}


def space_of(detector: str) -> Space:
    """The space of a detector, by the table."""
    return SEARCH_SPACES.get(detector, EVERY)


def read_space(path: Path) -> Space:
    """A space from YAML, in place of the table's; raises InputError naming the key."""
    document = read_recipes(path)
    if not document:
        raise InputError(f"{path}: at least one key to search expected, found none")
    return {key: _dimension(spec, f"{path}: {key}") for key, spec in document.items()}


def check_space(space: Space, params: Params, origin: str) -> None:
    """Build params and a detector with each end of each key; raises InputError naming the key."""
    from models.detectors import build_detector  # torch

    for key, dimension in space.items():
        for value in dimension.ends():
            place = f"{origin}: {key}"
            chosen = with_values(params, {key: value}, place)
            if not key.startswith(OPTIONS):
                continue
            try:
                build_detector(chosen.detector.name, chosen.detector.options)
            except InputError as error:
                raise InputError(f"{place}: {error}") from error


def with_values(params: Params, values: Mapping[str, Any], origin: str) -> Params:
    """The params with values of dotted keys; raises InputError naming the one that is wrong."""
    return with_recipe(params, nested(values), origin)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as they are written in params.yaml."""
    document: dict[str, Any] = {}
    for key, value in values.items():
        *above, last = key.split(".")
        place = document
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return document


def _dimension(spec: Mapping[str, Any], place: str) -> Dimension:
    if spec.keys() == {"choices"}:
        return _choices(spec["choices"], place)
    if not {"low", "high"} <= spec.keys() <= {"low", "high", "log"}:
        raise InputError(
            f"{place}: low and high (and log) or choices expected, found {', '.join(spec)}"
        )
    low, high, log = spec["low"], spec["high"], spec.get("log", False)
    if not all(_is_number(end) for end in (low, high)) or not low < high:
        raise InputError(f"{place}: a number low below a number high expected, found {low!r} and "
                         f"{high!r}")  # fmt: skip
    if not isinstance(log, bool):
        raise InputError(f"{place}: log: true or false expected, found {log!r}")
    if log and low <= 0:
        raise InputError(f"{place}: low above 0 expected with log: true, found {low!r}")
    return Range(low, high, log)


def _choices(values: Any, place: str) -> Choices:
    if not isinstance(values, list) or len(values) < 2:
        raise InputError(f"{place}: choices: a list of at least two expected, found {values!r}")
    return Choices(tuple(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
