"""Exported detectors on each runtime: the same answers, from any thread, or one clear sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.spectral_subtraction import subtract_noise
from models.audio.windows import cut_windows
from models.errors import InputError
from models.files.manifest import CALIBRATION, GOLDEN, GRAPH, read_manifest, write_manifest
from models.packaging.runtime import RUNTIMES, ExportedDetector
from tests.tolerances import rounding

VERSION = 2  # its cm_score is 2 plus the mean square of the window
REL = rounding(8_000)  # a window's samples


@pytest.fixture
def folder(versions: dict[int, Path], tmp_path: Path) -> Path:
    """A detector folder to spoil."""
    return Path(shutil.copytree(versions[VERSION], tmp_path / "detector"))


@pytest.fixture(params=RUNTIMES)
def runtime_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def exported(runtime_name: str, versions: dict[int, Path]) -> ExportedDetector:
    return ExportedDetector.open(versions[VERSION], runtime=runtime_name)


def test_windows_of_any_number_are_run(exported: ExportedDetector) -> None:
    windows = np.random.default_rng(1).standard_normal((5, 8_000)).astype(np.float32)
    logits, embeddings = exported.run(windows)
    assert (logits.dtype, embeddings.dtype) == (np.float32, np.float32)
    expected = VERSION + np.square(windows, dtype=np.float64).mean(axis=1)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, rtol=REL)
    np.testing.assert_array_equal(embeddings, windows[:, :20])


def test_a_waveform_gets_the_mean_over_its_windows(
    exported: ExportedDetector, speech: NDArray[np.float32]
) -> None:
    answer = exported.score(speech)
    windows = cut_windows(speech, exported.manifest.window)
    assert answer.windows == len(windows) == 7
    power = float(np.square(windows, dtype=np.float64).mean())
    assert answer.cm_score == pytest.approx(VERSION + power, rel=REL)
    rounded = rounding(7, float(np.abs(windows).max()))
    np.testing.assert_allclose(answer.embedding, windows[:, :20].mean(axis=0), rtol=0, atol=rounded)


def test_a_detector_that_cleans_scores_cleaned_windows(
    versions: dict[int, Path], speech: NDArray[np.float32]
) -> None:
    exported = ExportedDetector.open(versions[4])
    window = exported.manifest.window
    assert window.spectral_subtraction == 4.0
    exported.check_golden()  # golden vectors go into the graph as they are
    windows = cut_windows(speech, replace(window, spectral_subtraction=0.0))
    cleaned = np.stack([subtract_noise(waveforms, 4.0, 0.02) for waveforms in windows])
    powers = [float(np.square(rows, dtype=np.float64).mean()) for rows in (windows, cleaned)]
    assert exported.score(speech).cm_score == pytest.approx(4.0 + powers[1], rel=REL)
    assert powers[1] < 0.995 * powers[0]


def test_a_short_waveform_is_one_window(exported: ExportedDetector) -> None:
    answer = exported.score(np.full(100, 0.5, dtype=np.float32))
    assert (answer.windows, answer.cm_score) == (1, pytest.approx(VERSION + 0.25))


def test_a_window_is_shorter_only_where_short_recordings_have_their_own(
    versions: dict[int, Path], runtime_name: str
) -> None:
    own = ExportedDetector.open(versions[6], runtime=runtime_name)
    own.check_golden()
    for samples in (8_000, 19_200, 32_000, 8_001):
        waveform = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
        answer = own.score(waveform)
        expected = 6 + float(np.square(waveform, dtype=np.float64).mean())
        assert answer.windows == 1
        assert answer.cm_score == pytest.approx(expected, rel=rounding(samples))
    with pytest.raises(InputError, match=r"\(n, 8000 to 32000\) expected, found \(1, 7999\)"):
        own.run(np.zeros((1, 7_999), np.float32))
    with pytest.raises(InputError, match=r"\(n, 8000\) expected, found \(1, 9000\)"):
        ExportedDetector.open(versions[1], runtime=runtime_name).run(np.zeros((1, 9_000)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_many_callers_at_once_get_their_own_answers(
    runtime: str, threads: int, versions: dict[int, Path]
) -> None:
    exported = ExportedDetector.open(versions[VERSION], threads=threads, runtime=runtime)
    levels = np.linspace(0.1, 1.0, 60, dtype=np.float32)
    waveforms = [np.full(20_000, level, dtype=np.float32) for level in levels]
    with ThreadPoolExecutor(8) as callers:
        scores = [answer.cm_score for answer in callers.map(exported.score, waveforms)]
    np.testing.assert_allclose(scores, VERSION + levels**2, rtol=REL)


def test_what_is_no_window_is_refused(exported: ExportedDetector) -> None:
    for shape in ((8_000,), (1, 7_999), (0, 8_000), (1, 1, 8_000)):
        with pytest.raises(InputError, match=r"windows of shape \(n, 8000\) expected, found"):
            exported.run(np.zeros(shape, dtype=np.float32))


def test_a_score_that_is_not_finite_is_never_an_answer(exported: ExportedDetector) -> None:
    with pytest.raises(InputError, match="a finite cm_score expected, found nan"):
        exported.score(np.full(8_000, np.nan, dtype=np.float32))


def test_golden_vectors_that_agree_pass(exported: ExportedDetector) -> None:
    exported.check_golden()


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("gap", [1e-3, float("nan")])
def test_a_graph_that_differs_from_torch_is_refused(runtime: str, gap: float, folder: Path) -> None:
    _spoil_golden(folder, logits=lambda logits: logits + np.float32([0.0, gap]))
    with pytest.raises(InputError, match=r"cm_scores of detector\.onnx within .* found"):
        ExportedDetector.open(folder, runtime=runtime).check_golden()


def test_swapped_logits_are_caught_by_the_golden_vectors(folder: Path) -> None:
    _spoil_golden(folder, logits=lambda logits: logits[:, ::-1])
    with pytest.raises(InputError, match="cm_scores of"):
        ExportedDetector.open(folder).check_golden()


def test_a_folder_without_golden_vectors_cannot_be_checked(folder: Path) -> None:
    (folder / GOLDEN).unlink()
    write_manifest(folder, read_manifest(folder))
    with pytest.raises(InputError, match=r"golden\.npz is missing, the graph cannot be checked"):
        ExportedDetector.open(folder).check_golden()


def test_a_detector_without_calibration_says_so(folder: Path) -> None:
    assert ExportedDetector.open(folder).calibration is not None
    (folder / CALIBRATION).unlink()
    write_manifest(folder, read_manifest(folder))
    assert ExportedDetector.open(folder).calibration is None


def test_an_unknown_runtime_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InputError, match="no runtime named 'tensorrt'; known: openvino, onnx"):
        ExportedDetector.open(folder, runtime="tensorrt")


def test_a_detector_that_was_not_exported_is_refused(folder: Path) -> None:
    (folder / GRAPH).unlink()
    write_manifest(folder, read_manifest(folder))
    with pytest.raises(InputError, match=r"detector\.onnx is missing, the detector is not export"):
        ExportedDetector.open(folder)


def test_a_graph_that_changed_on_disk_is_refused(folder: Path) -> None:
    with (folder / GRAPH).open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(InputError, match=r"detector\.onnx: contents differ"):
        ExportedDetector.open(folder)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("content", [b"", b"this is no graph", bytes(range(256)) * 9])
def test_a_file_that_is_no_graph_is_refused_in_one_sentence(
    runtime: str, content: bytes, folder: Path
) -> None:
    (folder / GRAPH).write_bytes(content)
    write_manifest(folder, read_manifest(folder))
    with pytest.raises(InputError, match=r"detector\.onnx: not a graph that .* can run"):
        ExportedDetector.open(folder, runtime=runtime)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_scoring_imports_no_torch_and_reports_to_nobody(runtime: str, folder: Path) -> None:
    program = f"""
import json, sys
from pathlib import Path
from models.packaging.runtime import ExportedDetector
ExportedDetector.open(Path({str(folder)!r}), runtime={runtime!r}).check_golden()
print(json.dumps([name for name, module in sys.modules.items() if module is not None]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert runtime in loaded
    assert not loaded & {"torch", "torchaudio", "openvino_telemetry"}


def _spoil_golden(folder: Path, **changes: object) -> None:
    with np.load(folder / GOLDEN) as content:
        golden = {name: content[name] for name in content.files}
    for name, change in changes.items():
        assert callable(change)
        golden[name] = change(golden[name])
    np.savez(folder / GOLDEN, **golden)
    write_manifest(folder, read_manifest(folder))
