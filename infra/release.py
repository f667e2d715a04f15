"""The release of antiphon that answers requests: what turns audio into rows of the score log.

Two releases may hear the same recording differently, so a drift check compares rows of one.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

# what makes the features, sketches and scores of a row
_MAKES_ROWS = ("models/audio", "models/evaluation", "models/packaging", "serving")
_SHOWN = 12


@cache
def release() -> str:
    """The beginning of a hash of the code that makes rows."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in _MAKES_ROWS:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(str(file.relative_to(root)).encode() + b"\0")
            digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()[:_SHOWN]
