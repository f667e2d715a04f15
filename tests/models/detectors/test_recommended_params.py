"""What `docs/detectors.md` recommends, as params.yaml would be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from models.augmentations import build_augmentations
from models.detectors import build_detector
from models.detectors.fitted import FittedDetector
from models.packaging.checkpoint import save_detector
from models.params.tree import params_from_mapping
from models.params.window import WindowParams
from models.training.transfer import Front, build_optimiser

DOCS = Path(__file__).resolve().parents[3] / "docs/detectors.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
EXAMPLES: list[dict[str, Any]] = [yaml.safe_load(block) for block in BLOCKS]


@pytest.mark.parametrize("example", EXAMPLES, ids=[e["detector"]["name"] for e in EXAMPLES])
def test_a_recommended_training_can_begin(example: dict[str, Any], tmp_path: Path) -> None:
    params = params_from_mapping(example, "docs/detectors.md")
    options = with_folders(params.detector.options, tmp_path / "trained")
    detector = build_detector(params.detector.name, options)
    build_augmentations(params.augmentation, params.augmentation_audio)
    if not isinstance(detector, FittedDetector):
        assert build_optimiser(detector, params.training).param_groups
        assert Front.of(detector, params.training).epochs == params.training.transfer.frozen_epochs
    with torch.inference_mode():
        assert torch.isfinite(detector.eval()(torch.zeros(1, 8_000))).all()


def with_folders(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options, with a detector folder that is here in the place of one that is named."""
    if not any("folder" in member for member in options.get("members", ())):
        return dict(options)
    save_detector(build_detector("aasist-l"), folder, WindowParams())
    members = [
        {"folder": str(folder)} if "folder" in member else member for member in options["members"]
    ]
    return {**options, "members": members}
