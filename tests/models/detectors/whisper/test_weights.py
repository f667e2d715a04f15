"""Published weights of Whisper, in each of the files that they are published in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from models.detectors import build_detector
from models.detectors.whisper.encoder import WhisperEncoder
from models.detectors.whisper.front import WhisperFront, WhisperOptions
from models.detectors.whisper.sizes import WhisperSize
from models.detectors.whisper.weights import read_encoder, take_pretrained
from models.errors import InputError

SMALL = {"mels": 8, "width": 16, "heads": 2, "blocks": 2}
POSITIONS = torch.ones(1500, 16)
# of a block: OpenAI's name, Hugging Face's, CTranslate2's
BLOCK = (
    ("attn_ln", "self_attn_layer_norm", "self_attention/layer_norm"),
    ("attn.out", "self_attn.out_proj", "self_attention/linear_1"),
    ("mlp_ln", "final_layer_norm", "ffn/layer_norm"),
    ("mlp.0", "fc1", "ffn/linear_0"),
    ("mlp.2", "fc2", "ffn/linear_1"),
)
PROJECTIONS = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}
TYPES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}


def published(sizes: Mapping[str, int] = SMALL) -> dict[str, Tensor]:
    """Weights of a whole encoder under OpenAI's names, as they stand in its release."""
    torch.manual_seed(7)
    size = WhisperSize(**sizes)
    weights = WhisperEncoder(size, size.blocks).state_dict()
    return {name: torch.randn_like(value) for name, value in weights.items()}


def as_openai(weights: Mapping[str, Tensor], path: Path) -> Path:
    names = {f"encoder.{name}": value.half() for name, value in weights.items()}
    others = {"encoder.positional_embedding": POSITIONS, "decoder.ln.weight": torch.ones(16)}
    dims = {"n_mels": 8, "n_audio_state": 16, "n_audio_layer": 2}
    torch.save({"dims": dims, "model_state_dict": {**names, **others}}, path / "small.pt")
    return path / "small.pt"


def hugging_face_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = {
        "decoder.layer_norm.weight": torch.ones(16),
        "encoder.embed_positions.weight": POSITIONS,
    }
    for name, value in weights.items():
        if not name.startswith("blocks."):
            names[f"encoder.{name.replace('ln_post', 'layer_norm')}"] = value
            continue
        _, block, place = name.split(".", 2)
        module, _, kind = place.rpartition(".")
        faces = {openai: face for openai, face, _ in BLOCK}
        faces |= {f"attn.{p}": f"self_attn.{q}" for p, q in PROJECTIONS.items()}
        names[f"encoder.layers.{block}.{faces[module]}.{kind}"] = value
    return names


def as_safetensors(weights: Mapping[str, Tensor], path: Path) -> Path:
    named = {f"model.{name}": value for name, value in hugging_face_names(weights).items()}
    save_file({**named, "proj_out.weight": torch.ones(2)}, path / "model.safetensors")
    return path


def as_bin(weights: Mapping[str, Tensor], path: Path) -> Path:
    torch.save(hugging_face_names(weights), path / "pytorch_model.bin")
    return path


def ctranslate2_variables(weights: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """By CTranslate2's names: one joined projection with a bias of zeros for keys."""
    arrays = {name: value.numpy() for name, value in weights.items()}
    variables = {"decoder/layer_norm/gamma": np.ones(16, np.float32)}
    for conv in ("conv1", "conv2"):
        variables |= {f"encoder/{conv}/{k}": arrays[f"{conv}.{k}"] for k in ("weight", "bias")}
    norms = {"weight": "gamma", "bias": "beta"}
    variables |= {f"encoder/layer_norm/{norms[k]}": arrays[f"ln_post.{k}"] for k in norms}
    for block in range(2):
        origin, place = f"blocks.{block}", f"encoder/layer_{block}"
        for openai, _, module in BLOCK:
            kinds = norms if module.endswith("norm") else {"weight": "weight", "bias": "bias"}
            for kind, name in kinds.items():
                variables[f"{place}/{module}/{name}"] = arrays[f"{origin}.{openai}.{kind}"]
        joined = [arrays[f"{origin}.attn.{part}.weight"] for part in PROJECTIONS]
        variables[f"{place}/self_attention/linear_0/weight"] = np.concatenate(joined)
        bias = [arrays[f"{origin}.attn.{part}.bias"] for part in ("query", "value")]
        variables[f"{place}/self_attention/linear_0/bias"] = np.concatenate(
            [bias[0], np.zeros_like(bias[0]), bias[1]]
        )
    variables["encoder/num_heads"] = np.int16(2)
    return variables


def quantised(variables: Mapping[str, NDArray[Any]], dtype: str) -> dict[str, NDArray[Any]]:
    """Weights of linear maps as integers with a scale for each row, or one for all in int16."""
    out: dict[str, NDArray[Any]] = {}
    for name, value in variables.items():
        if not (dtype.startswith("int") and name.endswith("weight") and value.ndim == 2):
            out[name] = value.astype(dtype) if dtype == "float16" and value.ndim else value
            continue
        axis = 1 if dtype == "int8" else None
        scale = np.asarray(np.iinfo(dtype).max / np.abs(value).max(axis=axis), np.float32)
        rows = scale[:, None] if axis else scale
        out[name] = np.rint(value * rows).astype(dtype)
        out[f"{name}_scale"] = scale
    return out


def ctranslate2_file(
    variables: Mapping[str, NDArray[Any]], model: str = "WhisperSpec", version: int = 6
) -> bytes:
    def text(name: str) -> bytes:
        return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"

    content = struct.pack("<I", version) + text(model) + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        array = np.asarray(value)
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        kind = TYPES[array.dtype.name]
        content += text(name) + shape + struct.pack("<BI", kind, array.nbytes) + array.tobytes()
    aliases = struct.pack("<I", 1) + text("decoder/a") + text("decoder/layer_norm/gamma")
    return content + aliases


def as_ctranslate2(weights: Mapping[str, Tensor], path: Path) -> Path:
    (path / "model.bin").write_bytes(ctranslate2_file(ctranslate2_variables(weights)))
    return path


def as_parts(weights: Mapping[str, Tensor], path: Path) -> Path:
    content = ctranslate2_file(ctranslate2_variables(weights))
    for number in (1, 2):
        folder = path / f"part{number}"
        folder.mkdir()
        half = len(content) // 2
        part = content[:half] if number == 1 else content[half:]
        (folder / f"model.bin.part{number}").write_bytes(part)
    return path


@pytest.mark.parametrize("write", [as_openai, as_safetensors, as_bin, as_ctranslate2, as_parts])
def test_the_encoder_is_read_from_each_kind_of_file(
    write: Callable[[Mapping[str, Tensor], Path], Path], tmp_path: Path
) -> None:
    weights = published()
    encoder = read_encoder(write(weights, tmp_path))
    assert encoder.keys() == weights.keys()
    for name, value in weights.items():
        expected = value.half().float() if write is as_openai else value
        assert torch.equal(encoder[name], expected), name


@pytest.mark.parametrize("dtype", ["float16", "int8", "int16"])
def test_smaller_numbers_of_ctranslate2_are_what_they_stand_for(dtype: str, tmp_path: Path) -> None:
    weights = published()
    variables = quantised(ctranslate2_variables(weights), dtype)
    (tmp_path / "model.bin").write_bytes(ctranslate2_file(variables))
    encoder = read_encoder(tmp_path / "model.bin")
    assert encoder.keys() == weights.keys()
    for name, value in weights.items():
        largest = float(value.abs().max())
        step = 2.0**-11 if dtype == "float16" else 0.5 / np.iinfo(dtype).max
        torch.testing.assert_close(encoder[name], value, rtol=0, atol=1.01 * step * largest * 1.5)


def test_the_first_part_of_a_file_stands_for_all_that_lie_beside_it(tmp_path: Path) -> None:
    content = ctranslate2_file(ctranslate2_variables(published()))
    for number in range(12):  # not in the order of their names
        part = content[number * len(content) // 12 : (number + 1) * len(content) // 12]
        (tmp_path / f"model.bin.part{number}").write_bytes(part)
    assert read_encoder(tmp_path / "model.bin.part0").keys() == published().keys()
    (tmp_path / "model.bin.part7").unlink()
    with pytest.raises(InputError, match=r"all parts of one file expected, found model"):
        read_encoder(tmp_path / "model.bin.part0")


def front(**options: Any) -> WhisperFront:
    torch.manual_seed(1)
    return WhisperFront(WhisperOptions(**{"sizes": SMALL, "layers": (0, 1), **options}))


def test_a_front_takes_the_blocks_that_it_has(tmp_path: Path) -> None:
    weights = published()
    half, whole = front(), front(layers=(2,))
    for module in (half, whole):
        take_pretrained(module, str(as_ctranslate2(weights, tmp_path)))
        for name, value in module.encoder.state_dict().items():
            assert torch.equal(value, weights[name]), name
    assert not [name for name in half.encoder.state_dict() if name.startswith("blocks.1.")]
    assert "ln_post.weight" in whole.encoder.state_dict()


def test_a_front_with_low_rank_changes_takes_weights_and_keeps_the_changes(tmp_path: Path) -> None:
    adapted = front(front_tuned="none", lora_rank=2)
    changes = {n: v.clone() for n, v in adapted.encoder.state_dict().items() if "lora" in n}
    weights = published()
    take_pretrained(adapted, str(as_safetensors(weights, tmp_path)))
    state = adapted.encoder.state_dict()
    assert torch.equal(state["blocks.0.attn.query.weight"], weights["blocks.0.attn.query.weight"])
    assert all(torch.equal(state[name], value) for name, value in changes.items())


@pytest.mark.parametrize("name", ["whisper", "whisper-aasist"])
def test_a_detector_takes_published_weights(name: str, tmp_path: Path) -> None:
    detector = build_detector(name, {"sizes": SMALL, "layers": [0, 1]})
    assert detector.published_fronts == ("Whisper",)
    detector.take_pretrained(str(as_openai(published(), tmp_path)))
    stem = detector.get_parameter("front.encoder.conv1.weight")
    assert torch.equal(stem, published()["conv1.weight"].half().float())


def test_weights_of_another_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    path = as_ctranslate2(published(), tmp_path)
    sentence = (
        rf"^{path}: Whisper tiny \(80 mel bands, width 384, 4 blocks\) expected, "
        r"found one of 8 mel bands, width 16, 2 blocks$"
    )
    with pytest.raises(InputError, match=sentence):
        build_detector("whisper", {"size": "tiny"}).take_pretrained(str(path))


def test_what_is_no_whisper_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=rf"^{tmp_path}/absent: no such file or folder of weights$"
    ):
        read_encoder(tmp_path / "absent")
    with pytest.raises(InputError, match=rf"^{tmp_path}: model\.safetensors or pytorch_model"):
        read_encoder(tmp_path)
    path = tmp_path / "model.bin"
    for content, sentence in (
        (ctranslate2_file({}, model="TransformerSpec"), "a WhisperSpec expected, found a Transf"),
        (ctranslate2_file({}, version=9), "CTranslate2 format 4 to 6 expected, found version 9"),
        (ctranslate2_file({}), "weights of Whisper expected, found no conv1.weight"),
        (b"", "not a file of plain weights"),
        (b"weights?", "not a file of plain weights"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"^{path}: {sentence}"):
            take_pretrained(front(), str(path))
    torch.save({"layers.0.weight": torch.ones(2)}, path)
    with pytest.raises(InputError, match=rf"^{path}: weights of Whisper \(encoder\.…\) expected"):
        read_encoder(path)


def test_a_file_that_was_cut_anywhere_is_refused_in_one_sentence(tmp_path: Path) -> None:
    content = ctranslate2_file(ctranslate2_variables(published()))
    path = tmp_path / "model.bin"
    aliases = len(content) - 60  # behind the last variable
    for length in [*range(8, 700, 7), *range(700, aliases, 997)]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=rf"^{path}: "):
            take_pretrained(front(), str(path))


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    weights = published()
    weights["conv2.bias"][3] = torch.nan
    with pytest.raises(InputError, match=r"conv2\.bias holds values that are not finite"):
        take_pretrained(front(), str(as_safetensors(weights, tmp_path)))
