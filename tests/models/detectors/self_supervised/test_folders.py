"""Fronts from folders of Hugging Face: one file, or several with an index, and their config."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.detectors import build_detector
from models.detectors.plain_weights import read_weights
from models.detectors.self_supervised.front import FrontOptions, SslFront
from models.detectors.self_supervised.networks import FRONTS, build_network
from models.detectors.self_supervised.weights import take_pretrained, torchaudio_names
from models.errors import InputError
from tests.models.detectors.self_supervised.published_shapes import (
    REPOSITORIES,
    hugging_face_weights,
)

TINY = {
    "layers": 2, "width": 16, "heads": 2, "feed_forward": 16, "convolution_channels": 8,
    "position_kernel": 8, "position_groups": 2,
}  # fmt: skip
CONFIG = {
    "model_type": "wav2vec2", "num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2,
    "do_stable_layer_norm": True,
}  # fmt: skip


@pytest.mark.parametrize("name", REPOSITORIES)
def test_a_front_takes_every_weight_of_the_published_repository_in_its_shape(name: str) -> None:
    published = torchaudio_names(hugging_face_weights(name), FRONTS[name].relative_positions)
    with torch.device("meta"):
        built = build_network(FRONTS[name]).state_dict()
    shapes = {key: value.shape for key, value in published.items()}
    assert shapes == {key: value.shape for key, value in built.items()}


def front(seed: int) -> SslFront:
    torch.manual_seed(seed)
    return SslFront(FrontOptions("xlsr-300m", TINY), bins=6)


def published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A front's weights as transformers names them."""
    names = {
        name: f"wav2vec2.{name}".replace("wav2vec2.encoder.feature_", "wav2vec2.feature_").replace(
            "encoder.transformer.", "encoder."
        )
        for name in weights
    }
    return {names[name]: value.clone() for name, value in weights.items()}


def as_safetensors(weights: dict[str, Tensor], folder: Path) -> None:
    save_file(weights, folder / "model.safetensors")


def as_pickle(weights: dict[str, Tensor], folder: Path) -> None:
    torch.save(weights, folder / "pytorch_model.bin")


def _as_shards(
    weights: dict[str, Tensor], folder: Path, name: str, save: Callable[[Any, Path], Any]
) -> None:
    stem, suffix = name.split(".")
    files = [f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
    places = {key: files[number % 2] for number, key in enumerate(weights)}
    for file in files:
        save({key: weights[key] for key in weights if places[key] == file}, folder / file)
    index = {"metadata": {"total_size": 0}, "weight_map": places}
    (folder / f"{name}.index.json").write_text(json.dumps(index))


def as_sharded_safetensors(weights: dict[str, Tensor], folder: Path) -> None:
    _as_shards(weights, folder, "model.safetensors", save_file)


def as_sharded_pickles(weights: dict[str, Tensor], folder: Path) -> None:
    _as_shards(weights, folder, "pytorch_model.bin", torch.save)


@pytest.mark.parametrize(
    "write", [as_safetensors, as_pickle, as_sharded_safetensors, as_sharded_pickles]
)
def test_a_folder_is_read_however_its_weights_are_stored(
    write: Callable[[dict[str, Tensor], Path], None], tmp_path: Path
) -> None:
    weights = front(1).model.state_dict()
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    write(published(weights), tmp_path)
    other = front(2)
    take_pretrained(other, str(tmp_path))
    assert all(torch.equal(other.model.state_dict()[key], value) for key, value in weights.items())


def test_a_detector_takes_a_folder(tmp_path: Path) -> None:
    weights = front(1).model.state_dict()
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    as_safetensors(published(weights), tmp_path)
    back = {"rows": 6, "widths": [4], "graph_dims": [4, 4]}
    detector = build_detector("ssl-aasist", {"front_sizes": TINY, **back})
    detector.take_pretrained(str(tmp_path))
    inner = detector.get_submodule("front.model").state_dict()
    assert all(torch.equal(inner[key], value) for key, value in weights.items())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_attention_heads": 4}, "num_attention_heads 2 of this front expected, found 4"),
        ({"num_hidden_layers": 12}, "num_hidden_layers 2 of this front expected, found 12"),
        ({"do_stable_layer_norm": False}, "do_stable_layer_norm True of this front expected"),
    ],
)
def test_a_folder_of_another_network_is_refused_by_its_config(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **change}))
    as_safetensors(published(front(1).model.state_dict()), tmp_path)
    with pytest.raises(InputError, match=rf"^{tmp_path}/config\.json: {sentence}"):
        take_pretrained(front(2), str(tmp_path))


def test_a_folder_without_config_or_weights_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        take_pretrained(front(1), str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(InputError, match=r"model\.safetensors or pytorch_model\.bin expected"):
        take_pretrained(front(1), str(tmp_path))


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "a JSON object expected"),
        ("{}", "a weight_map from names to files expected"),
        ('{"weight_map": {"a": 3}}', "a weight_map from names to files expected"),
        ('{"weight_map": {"a": "../other.safetensors"}}', "names of files in its folder expected"),
        ('{"weight_map": {"b": "one.safetensors"}}', r"lack what it lists: 1 missing \(b\)"),
        ('{"weight_map": {"a": "two.safetensors"}}', r"two\.safetensors: no such file"),
    ],
)
def test_a_damaged_index_is_refused_in_one_sentence(
    index: str, sentence: str, tmp_path: Path
) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "one.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(InputError, match=sentence) as failure:
        read_weights(tmp_path)
    assert "\n" not in str(failure.value)
