"""Where torch computes, and settings that stages of the pipeline read by themselves."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from models.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def setting_here(name: str, default: str) -> str:
    """A setting of the environment, else of .env in the current folder, as all of them are read.

    Stages read it without `infra.settings`, which would make them depend on every other setting:
    DVC would run them again where one is added.
    """
    return os.environ.get(name) or dotenv_values(Path(".env")).get(name) or default


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
