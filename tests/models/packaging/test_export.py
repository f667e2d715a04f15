"""The exported graph against torch, on a narrow detector with short windows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from models.detectors import build_detector
from models.detectors.detector import Detector
from models.errors import InputError
from models.files.manifest import GOLDEN, GRAPH, WEIGHTS, verify
from models.packaging.checkpoint import load_detector, save_detector
from models.packaging.export import export_detector, golden_windows
from models.params.window import WindowParams
from tests.tolerances import assert_equal_but_for_rounding, in_float64

# whose graph is written at once; those of others are in detectors/test_detectors.py
NARROW: dict[str, Any] = {"form": "cnn", "widths": [4, 4, 4], "units": 8}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported folder whose windows are 12,000 samples."""
    folder = tmp_path_factory.mktemp("export") / "detector"
    save_detector(_detector(), folder, WindowParams(samples=12_000, hop=6_000))
    export_detector(folder)
    return folder


def _detector() -> Detector:
    """Fresh weights with statistics of some data: batch norms of all zeros hide mistakes."""
    torch.manual_seed(1)
    detector = build_detector("cnn-lstm", NARROW).train()
    detector(0.1 * torch.randn(8, 8_000))
    return detector.eval()


def _session(graph: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("batch", "samples"), [(1, 8_000), (1, 12_000), (3, 24_000), (2, 24_001), (5, 64_600)]
)
def test_the_graph_agrees_with_torch_at_any_batch_and_length(
    exported: Path, batch: int, samples: int
) -> None:
    random = torch.Generator().manual_seed(samples)
    waveforms = 0.1 * torch.randn(batch, samples, generator=random)
    detector = load_detector(exported)
    with torch.inference_mode():
        expected = detector.forward_both(waveforms)
        exact = in_float64(detector).forward_both(waveforms.double())
    outputs = _session(exported / GRAPH).run(
        ["embedding", "logits"], {"waveforms": waveforms.numpy()}
    )
    for answers in zip(outputs, expected, exact, strict=True):
        assert_equal_but_for_rounding(*answers)


def test_the_graph_is_one_file_that_the_manifest_names(exported: Path) -> None:
    manifest = verify(exported)
    assert set(manifest.files) == {WEIGHTS, GRAPH, GOLDEN}
    assert manifest.window.samples == 12_000
    session = _session(exported / GRAPH)
    assert [(put.name, put.shape) for put in session.get_inputs()] == [
        ("waveforms", ["batch", "samples"])
    ]
    assert [put.name for put in session.get_outputs()] == ["logits", "embedding"]


def test_golden_vectors_hold_what_torch_says(exported: Path) -> None:
    with np.load(exported / GOLDEN, allow_pickle=False) as golden:
        waveforms, logits = golden["waveforms"], golden["logits"]
        embeddings = golden["embeddings"]
    np.testing.assert_array_equal(waveforms, golden_windows(12_000))
    detector, windows = load_detector(exported), torch.from_numpy(waveforms)
    with torch.inference_mode():
        expected = detector.forward_both(windows)
        exact = in_float64(detector).forward_both(windows.double())
    for answers in zip((embeddings, logits), expected, exact, strict=True):
        assert_equal_but_for_rounding(*answers)


def test_golden_windows_are_as_loud_and_as_varied_as_speech() -> None:
    windows = golden_windows(24_000)
    assert windows.dtype == np.float32
    level = 20 * np.log10(np.sqrt((windows.astype(np.float64) ** 2).mean(axis=1)))
    assert ((level > -35) & (level < -10)).all()
    assert np.abs(windows).max() <= 1.0
    frames = windows.reshape(len(windows), -1, 400).std(axis=2)
    assert (frames.max(axis=1) / frames.min(axis=1) > 5).all()  # syllables and pauses


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_each_runtime_passes_the_golden_check(exported: Path, runtime: str) -> None:
    from models.packaging.runtime import ExportedDetector

    detector = ExportedDetector.open(exported, runtime=runtime)
    detector.check_golden()


def test_no_source_line_of_this_machine_is_in_the_graph(exported: Path) -> None:
    content = (exported / GRAPH).read_bytes()
    assert b"cnn_lstm.py" not in content
    assert b"stack_trace" not in content


def test_an_export_that_fails_leaves_the_folder_as_it_was(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "detector"))
    before = verify(folder)
    (folder / GRAPH).write_bytes(b"damaged")
    with pytest.raises(InputError, match="contents differ"):
        export_detector(folder)
    shutil.copy(exported / GRAPH, folder / GRAPH)
    monkeypatch.setattr("models.packaging.export.write_graph", _full_disk)
    with pytest.raises(OSError, match="No space left"):
        export_detector(folder)
    assert verify(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["detector"]


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")
