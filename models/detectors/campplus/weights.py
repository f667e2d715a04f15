"""Published weights of CAM++, under the names of 3D-Speaker's release."""

from __future__ import annotations

from pathlib import Path

from models.detectors.campplus.network import Campplus
from models.detectors.plain_weights import fill, read_weights

_ONLY_HERE = "xvector."  # what names of no other release begin with


def fill_campplus(front: Campplus, source: str) -> None:
    """Give a front the weights of a file of 3D-Speaker; raises InputError naming the file."""
    weights = read_weights(Path(source))
    built = {name.rpartition(".")[0] for name in front.state_dict()}
    known = {name: value for name, value in weights.items() if name.rpartition(".")[0] in built}
    fill(front, known, source, "CAM++ of 3D-Speaker")


def is_campplus(path: Path) -> bool:
    """Whether a file holds weights of CAM++; False also for what is no file of weights."""
    if path.is_dir() or path.suffix not in (".pt", ".pth", ".ckpt", ".safetensors"):
        return False  # of the kinds that Whisper is published in, `.pt` alone is one of these
    return any(name.startswith(_ONLY_HERE) for name in read_weights(path))
