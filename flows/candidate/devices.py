"""Where torch computes."""

from __future__ import annotations

from models.errors import InputError
from models.params.environment import setting_here

DEVICES = ("auto", "cpu", "cuda")


def device_here() -> str:
    """What ANTIPHON_DEVICE asks for: auto (a GPU where there is one), cpu or cuda."""
    import torch

    wanted = setting_here("ANTIPHON_DEVICE", "auto")
    if wanted not in DEVICES:
        raise InputError(f"ANTIPHON_DEVICE: one of {', '.join(DEVICES)} expected, found {wanted!r}")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("ANTIPHON_DEVICE: cuda is set, but torch finds no GPU here")
    return wanted
