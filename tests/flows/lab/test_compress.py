"""`antiphon compress`: each form is a detector folder that passes the check of every other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from flows.cli import app
from flows.lab.compress import KINDS
from models.compression.reference import write_golden
from models.data.lessons import LESSONS, read_lessons, write_lessons
from models.detectors import build_detector
from models.errors import InputError
from models.files.manifest import (
    CALIBRATION,
    GOLDEN,
    GRAPH,
    WEIGHTS,
    read_manifest,
    verify,
    write_manifest,
)
from models.packaging.checkpoint import load_detector, save_detector
from models.packaging.export import export_detector, golden_windows
from models.packaging.runtime import RUNTIMES, ExportedDetector
from models.params.window import WindowParams

PARAMS = """
detector:
  name: aasist
  options: {widths: [6, 6, 10], graph_dims: [6, 6], sinc_filters: 12, sinc_length: 33}
training: {batch_size: 4, epochs: 1, steps_per_epoch: 2, crop_samples: 8000}
compression: {calibration_clips: 6, listened_clips: 6, epochs: 1, max_score_shift: 0.3}
"""
WHOLE: dict[str, Any] = {
    "widths": [8, 8, 16], "graph_dims": [12, 8], "sinc_filters": 12, "sinc_length": 33,
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a narrow AASIST, and beside them a small graph: an export would take long."""
    torch.manual_seed(1)
    detector = build_detector("aasist", WHOLE).train()
    detector(0.1 * torch.randn(8, 8_000))
    folder = tmp_path_factory.mktemp("whole") / "whole"
    manifest = save_detector(detector.eval(), folder, WindowParams(samples=8_000, hop=8_000))
    onnx.save(small_graph(), folder / GRAPH)
    write_golden(folder / GRAPH, folder / GOLDEN, golden_windows(8_000))
    write_lessons(folder, [("before", "A1")])
    write_manifest(folder, manifest)
    return folder


def small_graph() -> onnx.ModelProto:
    """Two convolutions and a mean over time; loud and even sounds score higher than others."""
    random = np.random.default_rng(3)
    arrays = {
        "filters": random.standard_normal((32, 1, 64)) / 8,
        "mixing": random.standard_normal((32, 32, 8)) / 16,
        "readout": random.standard_normal((32, 2)),
    }
    constants = {name: np.asarray(value, np.float32) for name, value in arrays.items()}
    constants |= {"channel": np.array([1]), "time": np.array([2])}
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("Unsqueeze", ["waveforms", "channel"], ["lifted"], name="lift"),
        node("Conv", ["lifted", "filters"], ["bands"], name="filter", strides=[8]),
        node("Relu", ["bands"], ["heard"], name="relu"),
        node("Conv", ["heard", "mixing"], ["mixed"], name="mix", strides=[4]),
        node("ReduceMean", ["mixed", "time"], ["embedding"], name="mean", keepdims=0),
        node("MatMul", ["embedding", "readout"], ["logits"], name="read"),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        [value("waveforms", 1, ["batch", "samples"])],
        [value("logits", 1, ["batch", 2]), value("embedding", 1, ["batch", 32])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = onnx.helper.make_opsetid("", 20)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)


def compressed(kind: str, whole: Path, corpus: Path, place: Path) -> dict[str, Any]:
    (place / "params.yaml").write_text(PARAMS)
    arguments = [
        "compress", str(whole), "--to", kind, "--out", str(place / kind), "--protocol", "antiphon",
        "--root", str(corpus), "--params", str(place / "params.yaml"), "--json",
    ]  # fmt: skip
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize("kind", ["int8", "float16"])
def test_a_graph_in_fewer_bits_is_checked_against_itself_and_says_what_it_lost(
    kind: str, whole: Path, tone_corpus: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    document = compressed(kind, whole, tone_corpus, tmp_path)
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before
    manifest = verify(tmp_path / kind)
    assert manifest.compression is not None
    assert document["compression"]["kind"] == manifest.compression.kind == kind
    assert manifest.compression.clips == 6
    assert 0 < manifest.compression.mean_shift <= manifest.compression.max_shift < 0.5
    assert set(manifest.files) >= {WEIGHTS, GRAPH, GOLDEN, CALIBRATION}
    assert manifest.files[WEIGHTS] == read_manifest(whole).files[WEIGHTS]
    for runtime in RUNTIMES:
        ExportedDetector.open(tmp_path / kind, runtime=runtime).check_golden()
    with np.load(tmp_path / kind / GOLDEN) as golden, np.load(whole / GOLDEN) as float_golden:
        assert not np.array_equal(golden["logits"], float_golden["logits"])
    if kind == "float16":
        assert document["costs"]["candidate"]["bytes"] < document["costs"]["champion"]["bytes"]


def test_swapped_logits_of_an_int8_graph_are_still_caught(
    whole: Path, tone_corpus: Path, tmp_path: Path
) -> None:
    compressed("int8", whole, tone_corpus, tmp_path)
    manifest = read_manifest(tmp_path / "int8")
    with np.load(tmp_path / "int8" / GOLDEN) as content:
        golden = {name: content[name] for name in content.files}
    gap = np.abs(golden["logits"][:, 1] - golden["logits"][:, 0]).max()
    assert manifest.compression is not None
    assert manifest.compression.tolerance < gap
    exported = ExportedDetector.open(tmp_path / "int8")
    golden["logits"] = golden["logits"][:, ::-1]
    np.savez(tmp_path / "int8" / GOLDEN, **golden)
    with pytest.raises(InputError, match="of those of the compressed graph in"):
        exported.check_golden()


@pytest.mark.slow
def test_a_pruned_detector_is_trained_exported_and_knows_what_it_learnt_from(
    whole: Path, tone_corpus: Path, tmp_path: Path
) -> None:
    document = compressed("pruned", whole, tone_corpus, tmp_path)
    assert document["compression"] is None
    manifest = verify(tmp_path / "pruned")
    assert manifest.options["widths"] == [4, 4, 8]
    assert manifest.window == read_manifest(whole).window
    assert set(manifest.files) >= {WEIGHTS, GRAPH, GOLDEN, CALIBRATION, LESSONS}
    ExportedDetector.open(tmp_path / "pruned").check_golden()
    lessons = read_lessons(tmp_path / "pruned")
    assert ("before", "A1") in lessons
    assert len(lessons) == 1 + 2 * 10 * 3  # of the corpus's train partition


@pytest.mark.slow
def test_a_student_is_the_detector_of_params_and_starts_from_nothing(
    whole: Path, tone_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.packaging.export.write_graph", _copy_of(whole / GRAPH))
    monkeypatch.setattr("models.packaging.export.write_golden", _copy_of(whole / GOLDEN))
    compressed("distilled", whole, tone_corpus, tmp_path)
    student = load_detector(tmp_path / "distilled")
    assert student.options["widths"] == [6, 6, 10]
    assert read_manifest(tmp_path / "distilled").window == read_manifest(whole).window


def test_an_export_of_the_weights_forgets_that_the_graph_was_compressed(
    whole: Path, tone_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed("float16", whole, tone_corpus, tmp_path)
    monkeypatch.setattr("models.packaging.export.write_graph", _copy_of(whole / GRAPH))
    monkeypatch.setattr("models.packaging.export.write_golden", _copy_of(whole / GOLDEN))
    assert read_manifest(tmp_path / "float16").compression is not None
    assert export_detector(tmp_path / "float16").compression is None
    ExportedDetector.open(tmp_path / "float16").check_golden()


def _copy_of(file: Path) -> Callable[..., None]:
    """In the place of what takes long: the file that is there already."""

    def write(_: object, path: Path, *__: object) -> None:
        shutil.copy(file, path)

    return write


def test_a_graph_is_compressed_once(whole: Path, tone_corpus: Path, tmp_path: Path) -> None:
    compressed("float16", whole, tone_corpus, tmp_path)
    with pytest.raises(InputError, match="a graph as it was exported expected, found float16"):
        compressed("int8", tmp_path / "float16", tone_corpus, tmp_path)


def test_a_kind_on_the_command_line_is_one_that_can_be_made() -> None:
    from flows.commands.compression import CompressionKind

    assert {kind.value for kind in CompressionKind} == set(KINDS)
