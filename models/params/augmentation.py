"""`augmentation`, `augmentation_audio` and `copy_synthesis` in params.yaml: what clips become."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictFloat, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, ContradictionError, OneOf, Share
from models.tables import AUGMENTATIONS, CODECS, VOCODERS

Effect = Annotated[str, OneOf(AUGMENTATIONS), Field(description="augmentation")]
Vocoder = Annotated[str, OneOf(VOCODERS), Field(description="vocoder")]
CodecName = Annotated[str, OneOf(CODECS), Field(description="codec")]

Augmentation = Mapping[Effect, Share]
CopySynthesis = Mapping[Vocoder, Share]

# of a params file without the section; `augmentation: {}` is none
DEFAULT_AUGMENTATION: Augmentation = {"gain": 0.5, "white_noise": 0.1, "channel": 0.1}


@dataclass(frozen=True, config=CLOSED)
class AugmentationAudioParams:
    """What augmentations are made of where the user has better than what is simulated.

    Folders by absolute paths: a cycle trains in a folder of its own.
    """

    noise: str | None = Field(
        default=None, description="of noise and music, for `background`; null: coloured noise"
    )
    impulse_responses: str | None = Field(
        default=None, description="of rooms, for `room`; null: simulated rooms"
    )
    codecs: Mapping[CodecName, StrictFloat] = Field(
        default_factory=dict,
        description="name -> weight of being drawn by `codec` and `channel`; none: all, evenly",
    )

    @model_validator(mode="after")
    def _folders_are_absolute(self) -> AugmentationAudioParams:
        for key in ("noise", "impulse_responses"):
            folder = getattr(self, key)
            if folder is not None and not Path(folder).is_absolute():
                raise ContradictionError(key, f"an absolute path expected, found {folder!r}")
        return self
