"""Marks of whole folders: a JSON file, written last, with what the folder was made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def fingerprint(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a document, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def read_mark(path: Path) -> dict[str, Any]:
    """The document of a mark; an empty one where the folder is not whole."""
    if not path.is_file():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
