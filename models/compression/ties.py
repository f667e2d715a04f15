"""Which numbers of which weights belong to one channel, so that they can go together.

An *axis* is a set of channels that lie side by side somewhere in a detector. A weight has an axis
for each of its dimensions: None where nothing may be cut, and several where the channels of several
axes follow one another. All weights of one axis lose the same channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from models.errors import InputError

Dimension = str | None | tuple[str, ...]
Ties = dict[str, tuple[Dimension, ...]]  # name of a weight -> the axis of each dimension
BLOCKS = 6  # of AASIST's encoder

_NORM = ("weight", "bias", "running_mean", "running_var")


def aasist_ties(options: Mapping[str, Any]) -> Ties:
    """Of AASIST's state dict with these options (resolved, as a manifest holds them).

    A short cut without a convolution ties the channels before and after a block; nodes that are
    added, multiplied or compared tie the axes of what they come from.
    """
    streams = _streams(options["widths"])
    ties: Ties = {f"first_bn.{part}": (None,) for part in _NORM}
    for block in range(BLOCKS):
        ties |= _block(f"encoder.{block}.0", streams[block], f"middle {block}", streams[block + 1])
    features = streams[-1]
    ties["pos_S"] = (None, None, features)
    for kind in "ST":
        ties |= _graph(f"GAT_layer_{kind}", features, f"keys {kind}", f"nodes {kind}")
        ties |= _linear(f"pool_{kind}.proj", f"nodes {kind}", None)
    for branch in "12":
        within = f"joined {branch}"
        ties[f"master{branch}"] = (None, None, within)
        ties |= _joining(f"HtrgGAT_layer_ST{branch}1", ("nodes T", "nodes S"), within)
        ties |= _joining(f"HtrgGAT_layer_ST{branch}2", ("joint", "joint"), "master")
        for kind in "ST":
            ties |= _linear(f"pool_h{kind}{branch}.proj", "joint", None)
    ties |= _linear("out_layer", ("joint", "joint", "joint", "joint", "master"), None)
    return ties


def _streams(widths: Any) -> list[str | None]:
    """The axis of the maps before the first block and after each."""
    channels = [*widths, *[widths[-1]] * (BLOCKS - len(widths))]
    streams: list[str | None] = [None]
    for block, width in enumerate(channels):
        tied = block > 0 and width == channels[block - 1]
        streams.append(streams[-1] if tied else f"stream {block}")
    return streams


def _block(name: str, before: str | None, middle: str, after: str | None) -> Ties:
    ties = {f"{name}.bn1.{part}": (before,) for part in _NORM} if before else {}
    return {
        **ties,
        f"{name}.conv1.weight": (middle, before, None, None),
        f"{name}.conv1.bias": (middle,),
        **{f"{name}.bn2.{part}": (middle,) for part in _NORM},
        f"{name}.conv2.weight": (after, middle, None, None),
        f"{name}.conv2.bias": (after,),
        f"{name}.conv_downsample.weight": (after, before, None, None),
        f"{name}.conv_downsample.bias": (after,),
    }


def _linear(name: str, before: Dimension, after: Dimension) -> Ties:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _graph(name: str, before: str | None, keys: str, after: str) -> Ties:
    return {
        **_linear(f"{name}.att_proj", before, keys),
        f"{name}.att_weight": (keys, None),
        **_linear(f"{name}.proj_with_att", before, after),
        **_linear(f"{name}.proj_without_att", before, after),
        **{f"{name}.bn.{part}": (after,) for part in _NORM},
    }


def _joining(name: str, before: tuple[str, str], within: str) -> Ties:
    """Temporal and spectral nodes in, one kind of nodes `within`, as wide as the master node."""
    keys, master_keys = f"{name} keys", f"{name} master keys"
    return {
        **_linear(f"{name}.proj_type1", before[0], within),
        **_linear(f"{name}.proj_type2", before[1], within),
        **_linear(f"{name}.att_proj", within, keys),
        **_linear(f"{name}.att_projM", within, master_keys),
        **{f"{name}.att_weight{pair}": (keys, None) for pair in ("11", "22", "12")},
        f"{name}.att_weightM": (master_keys, None),
        **_linear(f"{name}.proj_with_att", within, "joint"),
        **_linear(f"{name}.proj_without_att", within, "joint"),
        **_linear(f"{name}.proj_with_attM", within, "master"),
        **_linear(f"{name}.proj_without_attM", within, "master"),
        **{f"{name}.bn.{part}": ("joint",) for part in _NORM},
    }


TIES: dict[str, Callable[[Mapping[str, Any]], Ties]] = {
    "aasist": aasist_ties,
    "aasist-l": aasist_ties,
}
SIZES = {"aasist": ("widths", "graph_dims"), "aasist-l": ("widths", "graph_dims")}  # options


def ties_of(name: str, options: Mapping[str, Any]) -> Ties:
    """The ties of a detector; raises InputError where it has none."""
    if name not in TIES:
        raise InputError(f"{name}: no detector that can be pruned; known: {', '.join(TIES)}")
    return TIES[name](options)
