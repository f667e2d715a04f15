"""The published Whisper encoders by size (arXiv 2212.04356, table 1; model cards of later ones)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from models.detectors.options import choice, whole_number
from models.errors import InputError


@dataclass(frozen=True)
class WhisperSize:
    """The sizes that distinguish one encoder from another."""

    mels: int  # bands of the spectrogram
    width: int
    heads: int
    blocks: int  # of the transformer

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.mels} mel bands, width {self.width}, {self.blocks} blocks"


_TINY = WhisperSize(80, 384, 6, 4)
_BASE = WhisperSize(80, 512, 8, 6)
_SMALL = WhisperSize(80, 768, 12, 12)
_MEDIUM = WhisperSize(80, 1024, 16, 24)
_LARGE = WhisperSize(80, 1280, 20, 32)
_LARGE_V3 = replace(_LARGE, mels=128)
WHISPERS: dict[str, WhisperSize] = {
    "tiny": _TINY,
    "tiny.en": _TINY,
    "base": _BASE,
    "base.en": _BASE,
    "small": _SMALL,
    "small.en": _SMALL,
    "medium": _MEDIUM,
    "medium.en": _MEDIUM,
    "large-v1": _LARGE,
    "large-v2": _LARGE,
    "large-v3": _LARGE_V3,
    "turbo": _LARGE_V3,  # large-v3 with a smaller decoder
}
_NAMES = tuple(field.name for field in fields(WhisperSize))


def whisper_size(size: str, changes: Mapping[str, int] | None = None) -> WhisperSize:
    """A published size with some of its numbers changed; raises InputError naming the option."""
    published = WHISPERS[choice("size", size, WHISPERS)]
    if changes is not None and not isinstance(changes, Mapping):
        raise InputError(f"option sizes: a mapping expected, found {changes!r}")
    numbers: dict[str, Any] = dict(changes or {})
    for name, value in numbers.items():
        if name not in _NAMES:
            known = ", ".join(_NAMES)
            raise InputError(f"option sizes: no size named '{name}'; known: {known}")
        whole_number(f"sizes.{name}", value, 1, 65_536)
    changed = replace(published, **numbers)
    if changed.width % 2 or changed.width % changed.heads:
        raise InputError(
            "option sizes: an even width that heads divide evenly expected, found "
            f"{changed.width} and {changed.heads}"
        )
    return changed
