"""Weights without their code: read from a file, and put where each belongs."""

from __future__ import annotations

import argparse
import json
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
_FOLDER_FILES = ("model.safetensors", "pytorch_model.bin")
_INDEX = ".index.json"
# where releases keep a state dict among other things
_WITHIN = ("model", "state_dict", "model_state_dict")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a file of torch or safetensors, or of a folder of Hugging Face.

    A state dict kept under `model`, `state_dict` or `model_state_dict`, as fairseq, OpenAI and
    others do, is found there. A folder holds one file (`model.safetensors`, else
    `pytorch_model.bin`), or several of them and an index. Raises InputError naming the file.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    if isinstance(content, Mapping):
        content = next((content[key] for key in _WITHIN if _is_state(content.get(key))), content)
    if not _is_state(content):
        raise InputError(f"{path}: a state dict (names and tensors) expected, found something else")
    return dict(content)


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a folder of Hugging Face; raises InputError where there is none."""
    return _document(folder / "config.json")


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


def _folder(folder: Path) -> dict[str, Tensor]:
    """All weights of a folder: of the first of the known files that it holds."""
    for name in _FOLDER_FILES:
        if (folder / name).is_file():
            return read_weights(folder / name)
        if (folder / f"{name}{_INDEX}").is_file():
            return _shards(folder / f"{name}{_INDEX}")
    raise InputError(f"{folder}: {' or '.join(_FOLDER_FILES)} expected in it, found neither")


def _shards(index: Path) -> dict[str, Tensor]:
    """The weights that an index lists, each from the file that it names."""
    places = _document(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(file, str) for file in places.values()):
        raise InputError(f"{index}: a weight_map from names to files expected")
    weights: dict[str, Tensor] = {}
    for file in sorted(set(places.values())):
        if Path(file).name != file:
            raise InputError(f"{index}: names of files in its folder expected, found {file!r}")
        weights.update(read_weights(index.parent / file))
    absent = [name for name in places if name not in weights]
    if absent:
        raise InputError(f"{index}: its files lack what it lists: {_listed('missing', absent)}")
    return {name: weights[name] for name in places}


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file, a folder of Hugging Face has one") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: a JSON object expected")
    return document


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
