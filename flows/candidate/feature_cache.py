"""Where features of fronts that do not learn are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.params.environment import setting_here

if TYPE_CHECKING:
    from models.training.features import FeatureCache


def feature_cache() -> FeatureCache:
    """In the state folder, for all commands together; may be deleted at any time."""
    from models.training.features import FeatureCache  # torch

    return FeatureCache(
        Path(setting_here("ANTIPHON_STATE_DIR", ".antiphon")).expanduser() / "features"
    )
