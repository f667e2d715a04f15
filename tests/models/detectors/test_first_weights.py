"""What a training from scratch begins with, and that a champion never asks for it again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from models.detectors import DETECTORS, build_detector
from models.detectors.first_weights import new_detector
from models.errors import InputError
from models.files.manifest import MANIFEST
from models.fronts.publications import PUBLICATIONS
from models.packaging.checkpoint import load_detector, save_detector
from models.params.detector import DetectorParams, published_for
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from tests.fronts import fetched_front

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
    assert "weights for 0 of its fronts (self-supervised)" in caplog.text
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
    with pytest.raises(InputError, match=r"^campplus: .* run `antiphon fronts fetch campplus`, or"):
        new_detector(params("campplus", "speaker"))
    both = r"^whisper-base and campplus: .* run `antiphon fronts fetch whisper-base campplus`, or "
    with pytest.raises(InputError, match=both + r".*\(detector\.name: aasist\)$"):
        new_detector(Params(detector=DetectorParams("probes")))


@pytest.mark.parametrize("name", sorted(set(DETECTORS) - {"ssl-aasist", "light-darts", "ensemble"}))
def test_each_front_of_a_detector_has_its_published_weights_by_default(name: str) -> None:
    fronts = build_detector(name).published_fronts
    names = Params(detector=DetectorParams(name)).pretrained
    assert len(names) == len(fronts)
    assert set(names) <= set(PUBLICATIONS)


def test_published_weights_follow_the_options() -> None:
    assert published_for("probes", {"blocks": [], "size": "tiny"}) == ("whisper-tiny",)
    assert published_for("probes", {"layers": []}) == ("campplus",)
    assert published_for("whisper", {"sizes": {"width": 8}}) == ()
    members = [{"name": "speaker"}, {"name": "whisper"}, {"name": "aasist"}, {"folder": "x"}]
    assert published_for("ensemble", {"members": members}) == ("campplus", "whisper-base")


def test_members_of_an_ensemble_get_the_weights_of_their_own_fronts() -> None:
    campplus = fetched_front("campplus")
    speaker = {"name": "speaker", "options": {"block": "head"}}
    ensemble = new_detector(
        Params(detector=DetectorParams("ensemble", {"members": [{"name": "spectrum"}, speaker]}))
    )
    alone = build_detector("speaker", {"block": "head"})
    alone.take_pretrained(str(campplus))
    for name, value in alone.get_submodule("front").state_dict().items():
        assert torch.equal(ensemble.state_dict()[f"members.1.front.{name}"], value)
