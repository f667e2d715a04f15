"""Weights without their code: read from a file, and put where each belongs."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import InputError

# What torch.load raises for a file that is no checkpoint, by the kind of damage.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, AttributeError,
    TypeError, OverflowError,
)  # fmt: skip
_WITHIN = (
    "model",
    "state_dict",
    "model_state_dict",
)  # where releases keep a state dict among other things


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a file of torch or safetensors; raises InputError naming the file.

    A state dict kept under `model`, `state_dict` or `model_state_dict`, as fairseq, OpenAI and
    others do, is found there.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    if isinstance(content, Mapping):
        content = next((content[key] for key in _WITHIN if _is_state(content.get(key))), content)
    if not _is_state(content):
        raise InputError(f"{path}: a state dict (names and tensors) expected, found something else")
    return dict(content)


def fill(module: nn.Module, weights: Mapping[str, Tensor], origin: str, name: str) -> None:
    """Give a module all of its weights, each by its name and of its shape, or raise InputError.

    `origin` and `name` say in the error where the weights are from and what they are not for.
    """
    expected = module.state_dict()
    place = f"{origin}: not weights of {name}"
    missing = [key for key in expected if key not in weights]
    unexpected = [key for key in weights if key not in expected]
    if missing or unexpected:
        faults = [_listed("missing", missing), _listed("unexpected", unexpected)]
        raise InputError(f"{place}: {'; '.join(fault for fault in faults if fault)}")
    for key, value in weights.items():
        if value.shape != expected[key].shape:
            shapes = f"shape {tuple(expected[key].shape)} expected, found {tuple(value.shape)}"
            raise InputError(f"{place} with these options: {key}: {shapes}")
        if not torch.isfinite(value).all():
            raise InputError(f"{origin}: {key} holds values that are not finite")
    module.load_state_dict(weights, strict=True)


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError  # a bare GPU worker trains without it
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file ({error})") from error


def _torch(path: Path) -> Any:
    try:
        # weights_only: what else a pickle holds, code above all, is refused unread; a Namespace
        # is a bag of settings that releases of fairseq carry beside the weights
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise InputError(f"{path}: not a file of plain weights saved by torch") from error


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    )


def _listed(kind: str, names: Sequence[str], shown: int = 3) -> str:
    """`2 missing (a, b)`; empty where there are none."""
    if not names:
        return ""
    rest = ", …" if len(names) > shown else ""
    return f"{len(names)} {kind} ({', '.join(names[:shown])}{rest})"
