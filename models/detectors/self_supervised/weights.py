"""Published weights of self-supervised fronts, under torchaudio's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.detectors.plain_weights import fill, read_config, read_weights
from models.detectors.self_supervised.front import SslFront
from models.errors import InputError

BUNDLE = "torchaudio"  # instead of a file: what torchaudio publishes, fetched where it is not yet

# fairseq's name -> torchaudio's
_FAIRSEQ = (
    (r"^feature_extractor\.conv_layers\.(\d+)\.0\.", r"feature_extractor.conv_layers.\1.conv."),
    (r"^feature_extractor\.conv_layers\.(\d+)\.2\.(1\.)?",
     r"feature_extractor.conv_layers.\1.layer_norm."),
    (r"^layer_norm\.", "encoder.feature_projection.layer_norm."),
    (r"^post_extract_proj\.", "encoder.feature_projection.projection."),
    (r"^encoder\.pos_conv\.0\.", "encoder.transformer.pos_conv_embed.conv."),
    (r"^encoder\.layer_norm\.", "encoder.transformer.layer_norm."),
    (r"^encoder\.layers\.(\d+)\.self_attn_layer_norm\.",
     r"encoder.transformer.layers.\1.layer_norm."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.", r"encoder.transformer.layers.\1.attention."),
    (r"^encoder\.layers\.(\d+)\.fc1\.",
     r"encoder.transformer.layers.\1.feed_forward.intermediate_dense."),
    (r"^encoder\.layers\.(\d+)\.fc2\.",
     r"encoder.transformer.layers.\1.feed_forward.output_dense."),
    (r"^encoder\.layers\.", "encoder.transformer.layers."),
)  # fmt: skip
_HUGGING_FACE = (
    (r"^feature_projection\.", "encoder.feature_projection."),
    (r"^encoder\.", "encoder.transformer."),
)
# of the positional convolution: how weight norm was stored before torch 2.0
_WEIGHT_NORM = (
    (r"\.conv\.weight_g$", ".conv.parametrizations.weight.original0"),
    (r"\.conv\.weight_v$", ".conv.parametrizations.weight.original1"),
)
_WRAPPED = re.compile(r"^(model|wav2vec2|hubert|wavlm|w2v_encoder|w2v_model)\.")
_OURS = ("feature_extractor.", "encoder.")  # the rest served pretraining, or another task
_PARTS = ("q_proj", "k_proj", "v_proj")


def take_pretrained(front: SslFront, source: str) -> None:
    """Fill a front from a file of torchaudio, fairseq or Hugging Face names, a folder or a bundle.

    A folder is one of Hugging Face, whose config.json must be that of the front. Raises InputError
    where it or the file is missing, is of another network, or cannot be fetched.
    """
    if source != BUNDLE and Path(source).is_dir():
        _check_config(front, Path(source))
    weights = _of_bundle(front) if source == BUNDLE else read_weights(Path(source))
    relative = front.architecture.relative_positions
    fill(front.model, torchaudio_names(weights, relative), source, "this front")


def torchaudio_names(weights: Mapping[str, Tensor], relative_positions: bool) -> dict[str, Tensor]:
    """The weights that a front has, under the names it has them by."""
    bare = {_unwrapped(name): value for name, value in weights.items()}
    rules = _rules(bare)
    named = {_renamed(name, rules): value for name, value in bare.items()}
    own_weights = {name: value for name, value in named.items() if name.startswith(_OURS)}
    return _joined_projections(own_weights) if relative_positions else own_weights


def _check_config(front: SslFront, folder: Path) -> None:
    """Raise InputError where a folder describes another network: shapes do not show all of it."""
    sizes = front.architecture
    expected = {
        "num_hidden_layers": sizes.layers,
        "hidden_size": sizes.width,
        "num_attention_heads": sizes.heads,
        "do_stable_layer_norm": sizes.normalised,
    }
    config = read_config(folder)
    for name, value in expected.items():
        if config.get(name, value) != value:
            raise InputError(
                f"{folder / 'config.json'}: {name} {value} of this front expected, found "
                f"{config[name]}"
            )


def _of_bundle(front: SslFront) -> Mapping[str, Tensor]:
    import torchaudio

    name = front.architecture.bundle
    try:
        # its public get_model() would build the network once more to hold them
        weights: Mapping[str, Tensor] = getattr(torchaudio.pipelines, name)._get_state_dict({})
    except OSError as error:
        raise InputError(
            f"{BUNDLE}: the weights {name} cannot be fetched ({error}); the path of a file expected"
        ) from error
    return weights


def _rules(names: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    if any(name.startswith("encoder.transformer.") for name in names):
        return ()
    fairseq = any(name.startswith("post_extract_proj.") for name in names)
    return _FAIRSEQ if fairseq else _HUGGING_FACE


def _unwrapped(name: str) -> str:
    while _WRAPPED.match(name):
        name = _WRAPPED.sub("", name)
    return name


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    """By the first rule that fits; those of weight norm fit beside any other."""
    for pattern, place in rules:
        if re.match(pattern, name):
            name = re.sub(pattern, place, name)
            break
    for pattern, place in _WEIGHT_NORM:
        name = re.sub(pattern, place, name)
    return name


def _joined_projections(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """WavLM's three projections of each layer as one, and its output by torch's own name."""
    joined = {}
    for name, value in weights.items():
        place, _, part = name.partition(".attention.q_proj.")
        if part:
            parts = [weights[f"{place}.attention.{projection}.{part}"] for projection in _PARTS]
            joined[f"{place}.attention.attention.in_proj_{part}"] = torch.cat(parts)
        elif ".attention.out_proj." in name and ".attention.attention." not in name:
            joined[name.replace(".attention.", ".attention.attention.")] = value
        elif not any(f".attention.{projection}." in name for projection in _PARTS):
            joined[name] = value
    return joined
