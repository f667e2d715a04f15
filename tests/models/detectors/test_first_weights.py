"""What a training from scratch begins with, and that a champion never asks for it again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from models.detectors import build_detector
from models.detectors.first_weights import new_detector
from models.errors import InputError
from models.files.manifest import MANIFEST
from models.packaging.checkpoint import load_detector, save_detector
from models.params.detector import DetectorParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams

SIZES = {
    "layers": 1, "width": 8, "heads": 2, "feed_forward": 8, "convolution_channels": 4,
    "position_kernel": 4, "position_groups": 2,
}  # fmt: skip
OPTIONS = {"front_sizes": SIZES, "rows": 6, "widths": [4], "graph_dims": [4, 4]}


def params(pretrained: str | None, name: str = "ssl-aasist") -> Params:
    options = OPTIONS if name == "ssl-aasist" else {}
    return Params(
        detector=DetectorParams(name, options), training=TrainingParams(pretrained=pretrained)
    )


def test_a_stored_detector_needs_the_file_of_its_first_weights_no_more(tmp_path: Path) -> None:
    torch.manual_seed(4)
    front = build_detector("ssl-aasist", OPTIONS).get_submodule("front.model").state_dict()
    file = tmp_path / "front.pt"
    torch.save(front, file)
    detector = new_detector(params(str(file)))
    file.unlink()
    save_detector(detector, tmp_path / "detector", WindowParams())
    loaded = load_detector(tmp_path / "detector").get_submodule("front.model").state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in front.items())
    assert "front.pt" not in (tmp_path / "detector" / MANIFEST).read_text()


def test_a_front_of_random_weights_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        new_detector(params(None))
    assert "its front starts from random weights" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        new_detector(params(None, "aasist"))
    assert caplog.text == ""


def test_weights_that_are_not_there_are_refused_before_training() -> None:
    with pytest.raises(InputError, match=r"^absent\.pt: no such file of weights$"):
        new_detector(params("absent.pt"))
    with pytest.raises(InputError, match=r"lcnn has no part that was pretrained; found x\.pt"):
        new_detector(params("x.pt", "lcnn"))


def test_a_checkpoint_of_aasist_starts_a_training_from_scratch(tmp_path: Path) -> None:
    published = new_detector(params(None, "aasist"))
    torch.save(published.state_dict(), tmp_path / "AASIST.pth")
    started = new_detector(params(str(tmp_path / "AASIST.pth"), "aasist"))
    for name, value in published.state_dict().items():
        assert torch.equal(started.state_dict()[name], value)
    with pytest.raises(InputError, match=r"AASIST\.pth: not weights of AASIST with these options"):
        new_detector(params(str(tmp_path / "AASIST.pth"), "aasist-l"))


def test_a_published_front_that_was_not_fetched_is_refused_with_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(tmp_path))
    with pytest.raises(InputError, match=r"^campplus: .* run `antiphon fronts fetch campplus`$"):
        new_detector(params("campplus", "speaker"))
