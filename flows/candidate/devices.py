"""Where torch computes."""

from __future__ import annotations

import os

from models.errors import InputError


def device_here() -> str:
    """What ANTIPHON_DEVICE asks for: auto (a GPU where there is one), cpu or cuda."""
    import torch

    wanted = os.environ.get("ANTIPHON_DEVICE") or "auto"
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("ANTIPHON_DEVICE: cuda is set, but torch finds no GPU here")
    return wanted
