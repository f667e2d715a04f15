"""The result of a method: a map over frequency and time, or a share for each acoustic feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

Numbers: TypeAlias = NDArray[np.float64]


class InapplicableError(InputError):
    """The detector lacks what a method needs, or there is no background to compare with."""


@dataclass(frozen=True)
class Map:
    """A number for each band and time of a stretch of speech.

    In a `signed` map, values above zero push towards spoof and values below towards bona fide.
    """

    values: Numbers  # (bands, times)
    edges_hz: Numbers  # (bands + 1,)
    edges_s: Numbers  # (times + 1,), from the start of the stretch
    unit: str  # of the values
    meaning: str  # what red says, in a few words
    signed: bool = True
    over_hz: Numbers | None = None  # (bands,), for methods that have a number for a whole band
    over_s: Numbers | None = None  # (times,)
    arrays: Mapping[str, Numbers] = field(default_factory=dict)  # further data of the method
    figures: Mapping[str, float] = field(default_factory=dict)  # that tell how far to trust the map


@dataclass(frozen=True)
class Contributions:
    """What each readable feature adds to the score, above zero towards spoof."""

    names: tuple[str, ...]
    values: Numbers  # (features,) of the file
    usual: Numbers  # (features,) medians of the background
    shares: Numbers  # (features,), in units of the cm_score
    unit: str
    meaning: str
    figures: Mapping[str, float] = field(default_factory=dict)


Explanation: TypeAlias = Map | Contributions
