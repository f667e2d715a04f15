"""Detectors on disk, and published checkpoints on their way there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models.detectors import Detector, build_detector, resolve_options
from models.errors import InputError
from models.files.manifest import MANIFEST, WEIGHTS, read_manifest
from models.packaging.checkpoint import import_weights, load_detector, save_detector
from models.params.window import WindowParams

NARROW: dict[str, Any] = {
    "widths": [4, 4, 8, 8],
    "graph_dims": [8, 8],
    "sinc_filters": 24,
    "sinc_length": 33,
}
WINDOW = WindowParams(samples=8_000, hop=4_000)


@pytest.fixture
def detector() -> Detector:
    torch.manual_seed(1)
    return build_detector("aasist", NARROW).eval()


def test_a_detector_comes_back_as_it_was_saved(detector: Detector, tmp_path: Path) -> None:
    save_detector(detector, tmp_path / "detector", WINDOW)
    loaded = load_detector(tmp_path / "detector")
    assert not loaded.training
    clip = 0.1 * torch.randn(1, 8_000)
    assert torch.equal(loaded(clip), detector(clip))
    manifest = read_manifest(tmp_path / "detector")
    assert manifest.window == WINDOW
    assert manifest.options == resolve_options("aasist", NARROW)  # defaults are stored too
    assert set(manifest.files) == {WEIGHTS}


def test_saving_over_a_detector_replaces_all_of_it(detector: Detector, tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    save_detector(detector, folder, WINDOW)
    (folder / "calibration.json").write_text("of the old weights")
    torch.nn.init.zeros_(detector.get_parameter("out_layer.bias"))
    save_detector(detector, folder, WINDOW)
    assert {path.name for path in folder.iterdir()} == {MANIFEST, WEIGHTS}
    assert load_detector(folder).get_parameter("out_layer.bias").abs().sum() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["detector"]


def test_a_folder_of_something_else_is_not_overwritten(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("three years of work")
    with pytest.raises(InputError, match=r"holds other files and no manifest\.json"):
        save_detector(detector, tmp_path, WINDOW)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_save_that_fails_leaves_the_old_detector(detector: Detector, tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    save_detector(detector, folder, WINDOW)
    before = (folder / MANIFEST).read_bytes()
    detector.options = {"widths": object()}  # JSON cannot hold it: fails after the weights
    with pytest.raises(TypeError):
        save_detector(detector, folder, WINDOW)
    assert (folder / MANIFEST).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["detector"]


def test_weights_that_changed_on_disk_are_refused(detector: Detector, tmp_path: Path) -> None:
    save_detector(detector, tmp_path / "d", WINDOW)
    weights = tmp_path / "d" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-4] + b"evil")
    with pytest.raises(InputError, match=r"weights\.safetensors: contents differ"):
        load_detector(tmp_path / "d")


def test_a_folder_without_a_manifest_is_no_detector(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a detector folder, manifest\.json is missing"):
        load_detector(tmp_path)


@pytest.mark.parametrize(
    ("name", "release"), [("aasist", "AASIST.pth"), ("aasist-l", "AASIST-L.pth")]
)
def test_an_official_checkpoint_becomes_a_detector_folder(
    name: str, release: str, shared: Path, tmp_path: Path
) -> None:
    import_weights(name, shared / "weights" / release, tmp_path / "d")
    official = torch.load(shared / "weights" / release, map_location="cpu", weights_only=True)
    loaded = load_detector(tmp_path / "d").state_dict()
    assert set(loaded) == set(official)
    assert all(torch.equal(loaded[key], official[key]) for key in official)
    assert read_manifest(tmp_path / "d").window == WindowParams()


def test_weights_of_another_detector_are_refused_by_name(shared: Path, tmp_path: Path) -> None:
    for name, release, sentence in (
        ("aasist", "AASIST-L.pth", r"pos_S: shape \(1, 23, 64\) expected, found \(1, 23, 24\)"),
        ("aasist", "RawGAT_ST_mul.pth", r"not weights of aasist: \d+ missing \(pos_S, master1"),
    ):
        with pytest.raises(InputError, match=sentence):
            import_weights(name, shared / "weights" / release, tmp_path / "d")
        assert not (tmp_path / "d").exists()


def _save(content: Any) -> Callable[[Path], object]:
    return lambda path: torch.save(content, path)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.unlink(missing_ok=True), "no such file of weights"),
        (lambda path: path.mkdir(), "model.safetensors or pytorch_model.bin expected in it"),
        (lambda path: path.write_bytes(b""), "not a file of plain weights"),
        (lambda path: path.write_text("GIF89a, hello"), "not a file of plain weights"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(200)), "not a file of plain weights"),
        (lambda path: path.write_bytes(bytes(range(256))), "not a file of plain weights"),
        (_save([1, 2, 3]), "a state dict .* expected"),
        (_save({"epoch": 3}), "a state dict .* expected"),
        (_save(Path("code runs when this is unpickled")), "not a file of plain weights"),
        (_save({"pos_S": torch.ones(1)}), r"\d+ missing \(.*, …\)"),
        (_save({"mlp.weight": torch.ones(1)}), r"1 unexpected \(mlp\.weight\)"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_in_one_sentence(
    write: Callable[[Path], object], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    write(path)
    with pytest.raises(InputError, match=sentence) as refused:
        import_weights("aasist", path, tmp_path / "d", NARROW)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_weights_that_are_not_finite_are_refused(detector: Detector, tmp_path: Path) -> None:
    weights = detector.state_dict()
    weights["out_layer.bias"] = torch.tensor([0.0, float("nan")])
    torch.save(weights, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"out_layer\.bias holds values that are not finite"):
        import_weights("aasist", tmp_path / "weights.pth", tmp_path / "d", NARROW)


def test_a_manifest_whose_options_do_not_fit_the_weights_is_refused(
    detector: Detector, tmp_path: Path
) -> None:
    save_detector(detector, tmp_path / "d", WINDOW)
    document = json.loads((tmp_path / "d" / MANIFEST).read_text())
    document["options"]["graph_dims"] = [8, 16]
    (tmp_path / "d" / MANIFEST).write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"with these options: .* expected, found"):
        load_detector(tmp_path / "d")
