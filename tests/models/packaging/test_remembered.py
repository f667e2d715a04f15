"""Embeddings that are computed once, and the scores that are derived from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.detectors import build_detector
from models.errors import InputError
from models.packaging import remembered
from models.packaging.checkpoint import save_detector
from models.packaging.export import export_detector
from models.packaging.last_layer import LastLayer, exchange_last_layer, read_backbone
from models.packaging.remembered import VERIFIED, EmbeddingMemory
from models.packaging.runtime import ExportedDetector, golden_tolerance
from models.params.window import WindowParams

pytestmark = pytest.mark.slow

WINDOW = WindowParams(samples=8_000, hop=4_000)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A detector, the same with another last layer, and one of another backbone."""
    place = tmp_path_factory.mktemp("detectors")
    folders = {name: place / name for name in ("old", "new", "other")}
    for name, seed in (("old", 1), ("other", 2)):
        torch.manual_seed(seed)
        save_detector(build_detector("resnet", NARROW).eval(), folders[name], WINDOW)
        export_detector(folders[name])
    exchange_last_layer(folders["old"], _layer(folders["old"], 3), folders["new"])
    return folders


NARROW = {"stem": 4, "widths": [4, 8, 8, 16], "embedding": 16}


def _layer(folder: Path, seed: int) -> LastLayer:
    backbone = read_backbone(folder)
    assert backbone is not None
    rng = np.random.default_rng(seed)
    return backbone.layer.moved(rng.standard_normal(16), 0.5)


def speech(seed: int) -> NDArray[np.float32]:
    """Three windows of noise."""
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(16_000)).astype(np.float32)


def count_runs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folder of each call of a graph from now on."""
    calls: list[Path] = []
    run = ExportedDetector.run

    def counted(self: ExportedDetector, windows: NDArray[np.float32]) -> object:
        if type(self) is ExportedDetector:
            calls.append(self.folder)
        return run(self, windows)

    monkeypatch.setattr(ExportedDetector, "run", counted)
    return calls


def test_two_last_layers_hear_a_clip_once_and_score_as_their_graphs_do(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {
        name: [ExportedDetector.open(folders[name]).score(speech(seed)) for seed in range(4)]
        for name in ("old", "new")
    }
    calls = count_runs(monkeypatch)
    memory = EmbeddingMemory(tmp_path / "memory", threads=1)
    for name in ("old", "new"):
        opened = memory.open(folders[name])
        for seed, answer in enumerate(expected[name]):
            score = opened.score(speech(seed))
            assert score.windows == answer.windows == 3
            np.testing.assert_array_equal(score.embedding, answer.embedding)
            tolerance = golden_tolerance(np.float32([answer.cm_score]))
            assert abs(score.cm_score - answer.cm_score) <= tolerance
    assert calls.count(folders["old"]) == 4 * 3
    assert calls.count(folders["new"]) == VERIFIED


def test_what_was_heard_is_found_again_by_a_later_cycle_and_forgotten_once_it_is_unused(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = EmbeddingMemory(tmp_path, threads=1)
    for seed in range(3):
        first.open(folders["old"]).score(speech(seed))
    first.keep()
    calls = count_runs(monkeypatch)
    second = EmbeddingMemory(tmp_path, threads=1)
    second.open(folders["new"]).score(speech(0))
    assert len(calls) == VERIFIED
    second.keep()  # of three clips, one is left
    EmbeddingMemory(tmp_path, threads=1).open(folders["old"]).score(speech(2))
    assert len(calls) == VERIFIED + 3


def test_another_backbone_shares_nothing(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = EmbeddingMemory(tmp_path, threads=1)
    memory.open(folders["old"]).score(speech(0))
    calls = count_runs(monkeypatch)
    memory.open(folders["other"]).score(speech(0))
    assert calls == [folders["other"]] * 3


def test_embeddings_that_the_graph_does_not_give_are_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    memory = EmbeddingMemory(tmp_path, threads=1)
    memory.open(folders["old"]).score(speech(0))
    memory.keep()
    (stored,) = tmp_path.glob("*.npz")
    with np.load(stored) as content:
        windows, embeddings = content["windows"], content["embeddings"]
    np.savez(stored, windows=windows, embeddings=embeddings + 1)
    with pytest.raises(InputError, match="to compute them anew"):
        EmbeddingMemory(tmp_path, threads=1).open(folders["old"]).score(speech(0))


def test_a_damaged_file_is_computed_anew(folders: dict[str, Path], tmp_path: Path) -> None:
    memory = EmbeddingMemory(tmp_path, threads=1)
    expected = memory.open(folders["old"]).score(speech(0)).cm_score
    memory.keep()
    (stored,) = tmp_path.glob("*.npz")
    stored.write_bytes(stored.read_bytes()[:100])
    again = EmbeddingMemory(tmp_path, threads=1)
    assert again.open(folders["old"]).score(speech(0)).cm_score == expected


def test_what_is_beyond_the_memory_is_computed_each_time(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ExportedDetector.open(folders["old"]).score(speech(1))
    monkeypatch.setattr(remembered, "MOST_BYTES", 2 * 16 * 4)  # two embeddings of three windows
    memory = EmbeddingMemory(tmp_path / "memory", threads=1)
    opened = memory.open(folders["old"])
    calls = count_runs(monkeypatch)
    for _ in range(2):
        assert opened.score(speech(1)).cm_score == pytest.approx(expected.cm_score, abs=1e-4)
    assert len(calls) == 3 + 1 + 2  # then the third window, and what is verified of the two
