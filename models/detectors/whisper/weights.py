"""Published weights of Whisper's encoder, under the names that `WhisperEncoder` has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.detectors.plain_weights import fill, read_weights
from models.detectors.whisper.ctranslate2 import is_ctranslate2, read_ctranslate2
from models.detectors.whisper.encoder import WhisperEncoder
from models.detectors.whisper.front import WhisperFront
from models.detectors.whisper.lora import is_lora
from models.detectors.whisper.sizes import WHISPERS, WhisperSize
from models.errors import InputError

_CTRANSLATE2_FILE = "model.bin"
_PART = re.compile(r"^(.+\.part)(\d+)$")
_CTRANSLATE2 = (
    (r"^conv(\d)/", r"conv\1."),
    (r"^layer_norm/", "ln_post."),
    (r"^layer_(\d+)/self_attention/layer_norm/", r"blocks.\1.attn_ln."),
    (r"^layer_(\d+)/self_attention/linear_0/", r"blocks.\1.attn.joined."),
    (r"^layer_(\d+)/self_attention/linear_1/", r"blocks.\1.attn.out."),
    (r"^layer_(\d+)/ffn/layer_norm/", r"blocks.\1.mlp_ln."),
    (r"^layer_(\d+)/ffn/linear_0/", r"blocks.\1.mlp.0."),
    (r"^layer_(\d+)/ffn/linear_1/", r"blocks.\1.mlp.2."),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
)  # fmt: skip
_HUGGING_FACE = (
    (r"^layer_norm\.", "ln_post."),
    (r"^layers\.(\d+)\.self_attn_layer_norm\.", r"blocks.\1.attn_ln."),
    (r"^layers\.(\d+)\.self_attn\.q_proj\.", r"blocks.\1.attn.query."),
    (r"^layers\.(\d+)\.self_attn\.k_proj\.", r"blocks.\1.attn.key."),
    (r"^layers\.(\d+)\.self_attn\.v_proj\.", r"blocks.\1.attn.value."),
    (r"^layers\.(\d+)\.self_attn\.out_proj\.", r"blocks.\1.attn.out."),
    (r"^layers\.(\d+)\.final_layer_norm\.", r"blocks.\1.mlp_ln."),
    (r"^layers\.(\d+)\.fc1\.", r"blocks.\1.mlp.0."),
    (r"^layers\.(\d+)\.fc2\.", r"blocks.\1.mlp.2."),
)  # fmt: skip
_OURS = re.compile(r"^(conv[12]|ln_post|blocks\.\d+)\.")  # positions are computed, not stored
_ATTENTION = ("query", "key", "value")


def take_pretrained(front: WhisperFront, source: str) -> None:
    """Fill a front's encoder from a published file or folder; see `read_encoder`.

    Raises InputError where there is no such file, or where it is damaged or of another size.
    """
    weights = read_encoder(Path(source))
    options = front.options
    _check_size(weights, options.architecture, options.size, source)
    encoder = front.encoder
    built = {name: value for name, value in weights.items() if _is_built(name, encoder)}
    low_rank = {name: value for name, value in encoder.state_dict().items() if is_lora(name)}
    fill(encoder, {**built, **low_rank}, source, f"the encoder of Whisper {options.size}")


def read_encoder(path: Path) -> dict[str, Tensor]:
    """All weights of a published encoder in float32, under OpenAI's names.

    `path` is a `.pt` of OpenAI, a folder or file of Hugging Face (see `read_weights`), a folder or
    `model.bin` of faster-whisper, or, of a file that was cut, the first part (`….part1`) or a
    folder that has all parts in it or below it.
    """
    parts = _files(path)
    if parts[0].is_file() and is_ctranslate2(parts):
        variables = _ctranslate2(parts)
        weights = _separated(_renamed(variables, _CTRANSLATE2))
    elif len(parts) > 1:
        raise InputError(f"{path}: parts of a model of CTranslate2 expected, found another file")
    else:
        encoder = _encoder_part(read_weights(parts[0]), parts[0])
        weights = _renamed(encoder, _HUGGING_FACE)
    return {name: value.float() for name, value in weights.items() if _OURS.match(name)}


def _ctranslate2(parts: Sequence[Path]) -> dict[str, Tensor]:
    """What CTranslate2 keeps under `encoder/`, by the names behind it."""
    prefix = "encoder/"
    variables = read_ctranslate2(parts, prefix)
    return {name.removeprefix(prefix): value for name, value in variables.items()}


def _files(path: Path) -> list[Path]:
    """The file that a path names, the parts of it in order, or a folder of Hugging Face."""
    if path.is_dir():
        if (path / _CTRANSLATE2_FILE).is_file():
            return [path / _CTRANSLATE2_FILE]
        parts = [part for part in path.rglob("*.part*") if _PART.match(part.name)]
        if not parts:
            return [path]
    elif not path.is_file():
        raise InputError(f"{path}: no such file or folder of weights")
    elif (match := _PART.match(path.name)) is None:
        return [path]
    else:
        parts = [part for part in path.parent.iterdir() if part.name.startswith(match[1])]
        parts = [part for part in parts if _PART.match(part.name)]
    return _in_order(parts, path)


def _in_order(parts: Sequence[Path], path: Path) -> list[Path]:
    """Parts by their numbers; raises InputError where one is missing or there twice."""
    numbers = {part: int(part.suffix.removeprefix(".part")) for part in parts}
    ordered = sorted(parts, key=lambda part: numbers[part])
    first = min(numbers.values())
    if [numbers[part] for part in ordered] != list(range(first, first + len(parts))) or first > 1:
        listed = ", ".join(part.name for part in ordered)
        raise InputError(f"{path}: all parts of one file expected, found {listed}")
    return ordered


def _encoder_part(weights: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The weights behind `encoder.` or `model.encoder.`."""
    bare = {name.removeprefix("model."): value for name, value in weights.items()}
    prefix = "encoder."
    encoder = {n.removeprefix(prefix): v for n, v in bare.items() if n.startswith(prefix)}
    if not encoder:
        raise InputError(f"{path}: weights of Whisper (encoder.…) expected, found other names")
    return encoder


def _renamed(weights: Mapping[str, Tensor], rules: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    named = {}
    for name, value in weights.items():
        for pattern, place in rules:
            name = re.sub(pattern, place, name)
        named[name] = value
    return named


def _separated(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Queries, keys and values apart, which CTranslate2 joins; keys have no bias."""
    separate = {}
    for name, value in weights.items():
        place, joined, kind = name.partition(".joined.")
        if not joined:
            separate[name] = value
            continue
        for part, rows in zip(_ATTENTION, value.tensor_split(3), strict=True):
            if (part, kind) != ("key", "bias"):
                separate[f"{place}.{part}.{kind}"] = rows
    return separate


def _check_size(
    weights: Mapping[str, Tensor], expected: WhisperSize, name: str, source: str
) -> None:
    """Raise InputError where the weights are of an encoder of another size."""
    stem = weights.get("conv1.weight", torch.empty(0))
    if stem.ndim != 3:
        raise InputError(f"{source}: weights of Whisper expected, found no conv1.weight of its own")
    numbers = {int(match[1]) for key in weights if (match := re.match(r"blocks\.(\d+)\.", key))}
    width, mels, _ = stem.shape
    if (mels, width, len(numbers)) != (expected.mels, expected.width, expected.blocks):
        actual = WhisperSize(mels, width, expected.heads, len(numbers))
        names = [
            key
            for key, size in WHISPERS.items()
            if (size.mels, size.width, size.blocks) == (mels, width, len(numbers))
        ]
        which = f" ({' or '.join(names)})" if names else ""
        raise InputError(
            f"{source}: Whisper {name} ({expected}) expected, found one of {actual}{which}"
        )


def _is_built(name: str, encoder: WhisperEncoder) -> bool:
    """Whether an encoder that is cut short has the module of this weight."""
    if name.startswith("ln_post."):
        return encoder.ln_post is not None
    block = re.match(r"blocks\.(\d+)\.", name)
    return block is None or int(block[1]) < len(encoder.blocks)
