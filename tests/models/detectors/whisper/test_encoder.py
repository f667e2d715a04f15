"""Whisper's spectrogram and encoder, against their published definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.detectors import build_detector
from models.detectors.whisper.encoder import WhisperEncoder
from models.detectors.whisper.front import LayerMix, WhisperFront, WhisperOptions
from models.detectors.whisper.lora import LoraLinear, is_lora
from models.detectors.whisper.mel import WhisperMel
from models.detectors.whisper.sizes import WHISPERS, WhisperSize
from models.errors import InputError
from models.files.manifest import GRAPH
from models.packaging.checkpoint import save_detector
from models.packaging.export import export_detector
from models.packaging.runtime import RUNTIMES, ExportedDetector
from models.params.window import WindowParams
from tests.tolerances import in_float64, rounding

SMALL = {"mels": 8, "width": 16, "heads": 2, "blocks": 3}
FRAME, HOP = 400, 160


def noise(batch: int = 2, samples: int = 8_000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


def front(**options: Any) -> WhisperFront:
    torch.manual_seed(1)
    sizes = {**SMALL, **options.pop("sizes", {})}
    return WhisperFront(WhisperOptions(**{"sizes": sizes, "layers": (0, 1, 2), **options}))


def slaney_mel(bands: int) -> NDArray[np.float64]:
    """Filters (bands, 201): linear to 1 kHz, then 27 bands for each factor of 6.4; equal area."""
    step, octave = 200 / 3, np.log(6.4) / 27

    def mel(hertz: float) -> float:
        return hertz / step if hertz < 1000 else 15 + np.log(hertz / 1000) / octave

    mels = np.linspace(mel(0), mel(8000), bands + 2)
    edges = np.where(mels < 15, mels * step, 1000 * np.exp(octave * (mels - 15)))
    hertz = np.arange(FRAME // 2 + 1) * 16_000 / FRAME
    rising = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])[:, None]
    return np.maximum(np.minimum(rising, falling), 0) * area


def published_mel(waveform: NDArray[np.float64], bands: int) -> NDArray[np.float64]:
    """As OpenAI's release defines it, for a clip (samples,) of its own length."""
    padded = np.pad(waveform, FRAME // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    starts = range(0, len(waveform) - len(waveform) % HOP, HOP)
    frames = np.stack([padded[start : start + FRAME] * window for start in starts], axis=1)
    powers = np.abs(np.fft.rfft(frames, axis=0)) ** 2
    log = np.log10(np.maximum(slaney_mel(bands) @ powers, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("samples", [8_000, 24_001])
def test_the_spectrogram_is_the_published_one(bands: int, samples: int) -> None:
    waveforms = noise(2, samples).double()
    waveforms[1, : samples // 2] *= 1e-6  # below the loudest by more than eight decades
    mel = in_float64(WhisperMel(bands))(waveforms)
    expected = np.stack([published_mel(clip, bands) for clip in waveforms.numpy()])
    # windowed sines and filters have the 24 bits of float32; a frequency of noise that is
    # 40 dB below the others has a hundred times the relative error of all
    np.testing.assert_allclose(mel.numpy(), expected, rtol=0, atol=rounding(FRAME, scale=100))


def test_the_loudest_moment_of_one_clip_does_not_bound_another() -> None:
    mel = WhisperMel(80)
    quiet = 1e-3 * noise()[:1]
    torch.testing.assert_close(mel(torch.cat([quiet, 1e3 * quiet]))[:1], mel(quiet))


@pytest.mark.parametrize("bands", [80, 128])
def test_every_band_hears_something(bands: int) -> None:
    assert (WhisperMel(bands).filters.amax(dim=1) > 0).all()


def plain_transformer(encoder: WhisperEncoder, size: WhisperSize) -> nn.Sequential:
    """The blocks as torch's own layers, with the same weights."""
    layers = nn.Sequential()
    for block in encoder.blocks:
        layer = nn.TransformerEncoderLayer(
            size.width, size.heads, 4 * size.width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        attention, mlp = block.attn, block.mlp
        bias = torch.zeros_like(attention.query.bias)
        parts = (attention.query, attention.key, attention.value)
        layer.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat([part.weight for part in parts]),
                "self_attn.in_proj_bias": torch.cat(
                    [attention.query.bias, bias, attention.value.bias]
                ),
                "self_attn.out_proj.weight": attention.out.weight,
                "self_attn.out_proj.bias": attention.out.bias,
                **{f"linear1.{n}": value for n, value in mlp[0].state_dict().items()},
                **{f"linear2.{n}": value for n, value in mlp[2].state_dict().items()},
                **{f"norm1.{n}": value for n, value in block.attn_ln.state_dict().items()},
                **{f"norm2.{n}": value for n, value in block.mlp_ln.state_dict().items()},
            }
        )
        layers.append(layer.double().train())  # training: no fast path of another arithmetic
    return layers


def test_the_encoder_is_the_published_one_in_the_layers_of_torch() -> None:
    torch.manual_seed(3)
    size = WhisperSize(**SMALL)
    encoder = WhisperEncoder(size, size.blocks).double().eval()
    mel = torch.randn(2, size.mels, 101, dtype=torch.float64)
    with torch.no_grad():
        stem, *blocks = encoder(mel)
        assert stem.shape == (2, 51, size.width)
        rates = 10_000.0 ** -(torch.arange(8, dtype=torch.float64) / 7)
        angles = torch.arange(51, dtype=torch.float64)[:, None] * rates
        steps = stem + torch.cat([angles.sin(), angles.cos()], dim=1)
        atol = rounding(64, scale=51.0)  # rates in float32, times the last step
        for place, layer in enumerate(plain_transformer(encoder, size)):
            steps = layer(steps)
            last = place == size.blocks - 1
            expected = nn.functional.layer_norm(steps, (size.width,)) if last else steps
            torch.testing.assert_close(blocks[place], expected, rtol=0, atol=atol)


def test_nothing_behind_the_last_layer_that_is_heard_is_built() -> None:
    deep, shallow = front(layers=(1, 3)), front(layers=(0,))
    assert len(deep.encoder.blocks) == 3
    assert deep.encoder.ln_post is not None
    assert len(shallow.encoder.blocks) == 0
    assert shallow.encoder.ln_post is None
    assert [layer.shape for layer in deep(noise())] == [(2, 25, 16)] * 2


@pytest.mark.parametrize("name", WHISPERS)
def test_every_published_size_can_be_built(name: str) -> None:
    size = WHISPERS[name]
    with torch.device("meta"):
        encoder = WhisperEncoder(size, size.blocks)
    count = sum(weight.numel() for weight in encoder.parameters())
    block = 12 * size.width**2 + 13 * size.width - size.width  # keys have no bias
    stem = 3 * size.width * (size.mels + size.width) + 2 * size.width
    assert count == stem + size.blocks * block + 2 * size.width
    assert size.width // size.heads == 64


def test_a_frozen_encoder_passes_the_gradient_on_and_takes_none() -> None:
    frozen = front(front_tuned="none").train()
    waveforms = noise().requires_grad_()
    torch.cat(frozen(waveforms), dim=2).square().sum().backward()
    assert waveforms.grad is not None
    assert (waveforms.grad != 0).float().mean() > 0.5
    assert all(weight.grad is None for weight in frozen.parameters())
    assert frozen.rates("front") == {}


def test_the_last_blocks_alone_can_be_tuned() -> None:
    partly = front(front_tuned=1).train()
    torch.cat(partly(noise()), dim=2).square().sum().backward()
    learning = {name for name, weight in partly.named_parameters() if weight.grad is not None}
    assert learning == {n for n, _ in partly.named_parameters() if "encoder.blocks.1." in n}
    assert partly.rates("front") == {"front.encoder": 0.03}


def test_low_rank_changes_begin_as_none_and_alone_learn() -> None:
    plain, adapted = front(front_tuned="none"), front(front_tuned="none", lora_rank=2).train()
    adapted.load_state_dict(plain.state_dict(), strict=False)
    for layer, expected in zip(adapted(noise()), plain(noise()), strict=True):
        torch.testing.assert_close(layer, expected)
    torch.cat(adapted(noise()), dim=2).square().sum().backward()
    learning = {name for name, weight in adapted.named_parameters() if weight.grad is not None}
    assert learning == {name for name, _ in adapted.named_parameters() if is_lora(name)}
    assert {name.rpartition(".")[0].partition(".1.")[2] for name in learning} >= {
        "attn.query", "attn.value", "attn.out", "mlp.0", "mlp.2",
    }  # fmt: skip


def test_a_low_rank_change_is_the_same_merged_and_in_two_steps() -> None:
    torch.manual_seed(5)
    linear = LoraLinear(24, 12, rank=3).double()
    nn.init.normal_(linear.lora_b)
    inputs = torch.randn(4, 24, dtype=torch.float64)
    apart, merged = linear.train()(inputs), linear.eval()(inputs)
    torch.testing.assert_close(merged, apart)
    assert not torch.allclose(merged, nn.functional.linear(inputs, linear.weight, linear.bias))


def test_an_exported_graph_holds_low_rank_changes_within_its_matrices(tmp_path: Path) -> None:
    torch.manual_seed(5)
    rank = 3
    options = {
        "sizes": SMALL, "layers": [0, 1], "rows": 8, "embedding": 8,
        "front_tuned": "none", "lora_rank": rank,
    }  # fmt: skip
    detector = build_detector("whisper", options)
    with torch.no_grad():
        for name, weight in detector.named_parameters():
            if name.endswith("lora_b"):
                weight.normal_()
    save_detector(detector, tmp_path / "detector", WindowParams(12_000, 6_000))
    export_detector(tmp_path / "detector")
    for runtime in RUNTIMES:
        ExportedDetector.open(tmp_path / "detector", runtime=runtime).check_golden()
    weights = onnx.load(tmp_path / "detector" / GRAPH).graph.initializer
    assert not [weight.name for weight in weights if len(weight.dims) == 2 and rank in weight.dims]


@pytest.mark.parametrize("mix", ["concat", "weighted"])
def test_layers_become_as_many_rows_as_asked_for(mix: str) -> None:
    torch.manual_seed(1)
    mixed = LayerMix(16, 3, 12, mix)(front()(noise()))
    assert mixed.shape == (2, 12, 25)


def test_a_layer_of_large_numbers_does_not_drown_the_others() -> None:
    torch.manual_seed(1)
    mix, layers = LayerMix(16, 2, 4, "concat"), [torch.randn(1, 9, 16) for _ in range(2)]
    torch.testing.assert_close(mix([layers[0], 1e3 * layers[1]]), mix(layers), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": "huge"}, "option size: one of tiny, .* expected, found 'huge'"),
        ({"sizes": {"depth": 3}}, "option sizes: no size named 'depth'; known: mels, width"),
        ({"sizes": 3}, "option sizes: a mapping expected, found 3"),
        ({"sizes": {"heads": 3}}, "an even width that heads divide evenly expected, found 512 and"),
        ({"layers": []}, r"option layers: a list of 1 to 7 expected, found \[\]"),
        ({"layers": [7]}, "option layers: a whole number 0 to 6 expected, found 7"),
        ({"layers": [2, 1]}, r"different layers in rising order expected, found \[2, 1\]"),
        ({"layers": [1, 1]}, r"different layers in rising order expected, found \[1, 1\]"),
        ({"front_tuned": 4}, "option front_tuned: a whole number 1 to 3 expected, found 4"),
        ({"front_tuned": "some"}, "option front_tuned: a whole number"),
        ({"front_rate": 0}, "option front_rate: a number 1e-06 to 1 expected, found 0"),
        ({"lora_rank": 4}, "option front_tuned: none expected with a lora_rank above 0, found 'al"),
        ({"mix": "sum"}, "option mix: one of concat, weighted expected, found 'sum'"),
        ({"rows": 30}, "option rows: a multiple of the 4 layers expected, found 30"),
    ],
)
@pytest.mark.parametrize("name", ["whisper", "whisper-aasist"])
def test_what_cannot_be_built_is_refused_by_name(
    name: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector(name, options)
