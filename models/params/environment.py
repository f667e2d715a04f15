"""Settings that are read without `infra.settings`."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values


def setting_here(name: str, default: str) -> str:
    """A setting of the environment, else of .env in the current folder, as all of them are read.

    Stages read it without `infra.settings`, which would make them depend on every other setting:
    DVC would run them again where one is added.
    """
    return os.environ.get(name) or dotenv_values(Path(".env")).get(name) or default
