"""Published fronts that were fetched for the tests; without them, the tests that need one skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.fronts.publications import publication

ROOT = Path(__file__).resolve().parents[1]


def fetched_front(name: str) -> Path:
    """The file of a published front in the checkout's state folder, or the test is skipped."""
    folder = Path(os.environ.get("ANTIPHON_STATE_DIR") or ROOT / ".antiphon") / "fronts" / name
    for file in publication(name).files:
        if (folder / file.name).is_file():
            return folder / file.name
    pytest.skip(f"needs the weights of a front: antiphon fronts fetch {name}")
