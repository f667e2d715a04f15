"""The encoder's weights in a `model.bin` of CTranslate2, as faster-whisper publishes Whisper.

The format, little-endian (CTranslate2's `model_spec.py` and `model.cc`, versions 4 to 6): version
u32; name of the model, revision u32; variables u32, each with its name, rank u8, dimensions u32
each, type u8, bytes u32 and data; aliases, which an encoder has none of. A name is its length u16
and so many bytes, the last of them 0. A weight of integers has a `…_scale` that it is divided by.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from models.errors import InputError

_MODEL = "WhisperSpec"
_VERSIONS = range(4, 7)
_BFLOAT16 = 5
_TYPES: dict[int, str] = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2", _BFLOAT16: "<u2"}
_INTEGERS = (1, 2)  # of quantised weights
_MOST_DIMENSIONS = 8
_SCALE = "_scale"


def is_ctranslate2(paths: Sequence[Path]) -> bool:
    """Whether a file, of one part or several, begins as a model of CTranslate2 does."""
    with paths[0].open("rb") as file:
        start = file.read(64)
    if len(start) < 8:
        return False
    version, length = struct.unpack_from("<IH", start)
    name = start[6 : 6 + length]
    return 1 <= version < 256 and 1 < length < 58 and name.endswith(b"\0") and name[:-1].isalnum()


def read_ctranslate2(paths: Sequence[Path], prefix: str) -> dict[str, Tensor]:
    """Weights in float32 of all variables whose names begin with `prefix`, under their names.

    Several paths are the parts of one file. Raises InputError where the file is of another model,
    of an unknown version, or damaged.
    """
    if len(paths) == 1:
        with paths[0].open("rb") as file:
            return _Reader(file, str(paths[0])).weights(prefix)
    joined = b"".join(path.read_bytes() for path in paths)
    return _Reader(BytesIO(joined), f"{paths[0]} and its other parts").weights(prefix)


class _Reader:
    """One pass through a file; `origin` names it in errors."""

    def __init__(self, file: BinaryIO, origin: str) -> None:
        self.file, self.origin = file, origin
        self.place = "its first bytes"

    def weights(self, prefix: str) -> dict[str, Tensor]:
        """See `read_ctranslate2`."""
        version = self._number("<I")
        if version not in _VERSIONS:
            raise InputError(
                f"{self.origin}: CTranslate2 format 4 to 6 expected, found version {version}"
            )
        model = self._name()
        if model != _MODEL:
            raise InputError(f"{self.origin}: a {_MODEL} expected, found a {model}")
        self._number("<I")  # revision of the specification
        variables: dict[str, Tensor] = {}
        scaled: set[str] = set()
        for _ in range(self._number("<I")):
            name = self._name()
            self.place = name
            value, kind = self._variable(wanted=name.startswith(prefix))
            if value is not None:
                variables[name] = value
                scaled |= {name} if kind in _INTEGERS else set()
        return self._unscaled(variables, scaled)

    def _variable(self, wanted: bool) -> tuple[Tensor | None, int]:
        """The next variable and its type; None for one that is passed over."""
        rank = self._number("<B")
        if rank > _MOST_DIMENSIONS:
            raise self._damaged(f"a tensor of {rank} dimensions")
        shape = [self._number("<I") for _ in range(rank)]
        kind, size = self._number("<B"), self._number("<I")
        if kind not in _TYPES:
            raise self._damaged(f"numbers of the unknown type {kind}")
        dtype = np.dtype(_TYPES[kind])
        if size != math.prod(shape) * dtype.itemsize:
            raise self._damaged(f"{size} bytes for a tensor of shape {tuple(shape)}")
        if not wanted:
            self._skip(size)
            return None, kind
        values = np.frombuffer(self._bytes(size), dtype).reshape(shape)
        if kind == _BFLOAT16:  # the upper half of a float32
            return torch.from_numpy((values.astype(np.uint32) << 16).view(np.float32)), kind
        return torch.from_numpy(values.astype(np.float32)), kind

    def _unscaled(self, variables: dict[str, Tensor], scaled: set[str]) -> dict[str, Tensor]:
        weights = {}
        for name, value in variables.items():
            if name.endswith(_SCALE) and name.removesuffix(_SCALE) in scaled:
                continue
            scale = variables.get(name + _SCALE) if name in scaled else None
            if scale is not None and scale.numel() not in (1, len(value)):
                self.place = name
                raise self._damaged(f"{scale.numel()} scales for {len(value)} rows")
            if scale is not None:
                value = value / scale.reshape(-1, *[1] * (value.ndim - 1))
            weights[name] = value
        return weights

    def _name(self) -> str:
        content = self._bytes(self._number("<H"))
        return content.rstrip(b"\0").decode("utf-8", "replace")

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._bytes(struct.calcsize(form)))
        return int(number)

    def _bytes(self, count: int) -> bytes:
        content = self.file.read(count)
        if len(content) < count:
            raise self._damaged("the end of the file")
        return content

    def _skip(self, count: int) -> None:
        """Pass over so many bytes; what is missing of the last is found by reading one."""
        if count:
            self.file.seek(count - 1, 1)
            self._bytes(1)

    def _damaged(self, finding: str) -> InputError:
        return InputError(
            f"{self.origin}: a whole model of CTranslate2 expected, found {finding} at {self.place}"
        )
