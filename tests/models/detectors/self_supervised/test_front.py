"""Self-supervised fronts: which network, what of it learns, and whose weights it starts with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torchaudio
from torch import Tensor
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention

from models.detectors import Detector, build_detector
from models.detectors.layers.relative_attention import RelativeAttention
from models.detectors.self_supervised.front import FrontOptions, SslFront, standardised
from models.detectors.self_supervised.networks import FRONTS, build_network
from models.detectors.self_supervised.weights import torchaudio_names
from models.errors import InputError
from tests.tolerances import rounding

TINY = {
    "layers": 3, "width": 16, "heads": 2, "feed_forward": 16, "convolution_channels": 8,
    "position_kernel": 8, "position_groups": 2,
}  # fmt: skip


def front(name: str = "xlsr-300m", **options: Any) -> SslFront:
    torch.manual_seed(1)
    return SslFront(FrontOptions(name, {**TINY, **options.pop("sizes", {})}, **options), bins=6)


def noise(batch: int = 2, samples: int = 8_000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", FRONTS)
def test_a_front_has_the_shapes_of_the_weights_that_torchaudio_publishes(name: str) -> None:
    bundle = getattr(torchaudio.pipelines, FRONTS[name].bundle)
    factory = {"Wav2Vec2": torchaudio.models.wav2vec2_model, "WavLM": torchaudio.models.wavlm_model}
    with torch.device("meta"):
        published = factory[bundle._model_type](**bundle._params).state_dict()
        weights = build_network(FRONTS[name]).state_dict()
    assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in published.items()}
    assert FRONTS[name].normalised == bundle._normalize_waveform


def test_a_standardised_waveform_has_zero_mean_and_unit_variance() -> None:
    waveforms = 7.0 * noise() + 0.1
    standard, rounded = standardised(waveforms), rounding(waveforms.shape[1])
    torch.testing.assert_close(standard.mean(dim=1), torch.zeros(2), atol=rounded, rtol=0)
    # as in torch's layer norm, 1e-5 keeps silence from being divided by nothing
    variance = waveforms.var(dim=1, correction=0)
    expected = variance / (variance + 1e-5)
    torch.testing.assert_close(standard.square().mean(dim=1), expected, atol=rounded, rtol=0)


@pytest.mark.parametrize("name", ["xlsr-300m", "wavlm-base"])
def test_the_last_layer_is_what_torchaudio_gives_of_what_the_network_was_pretrained_on(
    name: str,
) -> None:
    last = front(name, front_layers="last").eval()
    quiet = 0.2 * noise()
    inputs = standardised(quiet) if last.architecture.normalised else quiet
    with torch.inference_mode():
        torch.testing.assert_close(last.features(quiet), last.model(inputs)[0])
        assert not torch.allclose(last.model(quiet)[0], last.model(standardised(quiet))[0])


def test_attention_in_plain_operations_is_that_of_torchaudio() -> None:
    torch.manual_seed(1)
    reference = WavLMSelfAttention(8, 2, has_relative_attention_bias=True, num_buckets=320).eval()
    attention = RelativeAttention(8, 2, has_relative_attention_bias=True, num_buckets=320).eval()
    attention.load_state_dict(reference.state_dict())
    with torch.inference_mode():
        reference.gru_rel_pos_const.fill_(1.5)
        attention.gru_rel_pos_const.fill_(1.5)
        frames = torch.randn(2, 30, 8)
        (output, bias), (expected, whole) = attention(frames), reference(frames)
        torch.testing.assert_close(output, expected)
        torch.testing.assert_close(bias.expand_as(whole), whole)
        torch.testing.assert_close(
            attention(output, position_bias=bias)[0], reference(output, position_bias=whole)[0]
        )


def test_weighted_layers_begin_as_their_mean_and_can_become_one_of_them() -> None:
    weighted, last = front().eval(), front(front_layers="last").eval()
    last.load_state_dict(weighted.state_dict(), strict=False)
    assert weighted.layer_weights is not None
    with torch.no_grad():
        assert not torch.allclose(weighted.features(noise()), last.features(noise()), atol=1e-3)
        weighted.layer_weights[-1] = 40.0
        torch.testing.assert_close(weighted.features(noise()), last.features(noise()))


def test_a_frozen_front_scores_alike_in_training_and_passes_the_gradient_on() -> None:
    frozen = front("wav2vec2-base", front_tuned="none", front_dropout=0.5)
    waveforms = noise().requires_grad_()
    with torch.no_grad():
        expected = frozen.eval()(waveforms)
    torch.testing.assert_close(frozen.train()(waveforms), expected)
    frozen(waveforms).square().sum().backward()
    assert waveforms.grad is not None
    assert (waveforms.grad != 0).float().mean() > 0.5
    learning = {name for name, weight in frozen.named_parameters() if weight.grad is not None}
    assert learning == {"layer_weights", "projection.weight", "projection.bias"}


@pytest.mark.parametrize("name", ["xlsr-300m", "wav2vec2-base"])
def test_the_last_layers_alone_can_be_tuned(name: str) -> None:
    partly = front(name, front_tuned=1, front_dropout=0.1).train()
    partly(noise()).square().sum().backward()
    layers = "model.encoder.transformer.layers"
    places = {n.rpartition(".")[0] for n, w in partly.named_parameters() if w.grad is not None}
    assert all(
        place.startswith((f"{layers}.2", "projection"))
        or place in ("", "model.encoder.transformer.layer_norm")
        for place in places
    )
    assert f"{layers}.2.feed_forward.output_dense" in places
    transformer = partly.model.encoder.transformer
    assert [layer.training for layer in transformer.layers] == [False, False, True]
    assert not transformer.dropout.training


def test_a_whole_front_learns_unless_something_else_is_asked_for() -> None:
    whole = front().train()
    whole(noise()).square().sum().backward()
    assert all(weight.grad is not None for weight in whole.parameters())
    assert all(module.training for module in whole.modules())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"front": "xlsr"}, "option front: no network named 'xlsr'; known: wav2vec2-base"),
        ({"front_sizes": {"depth": 3}}, "option front_sizes: no size named 'depth'; known: layers"),
        ({"front_sizes": 3}, "option front_sizes: a mapping expected, found 3"),
        ({"front_sizes": {"layers": 0}}, "option front_sizes.layers: a whole number 1 to"),
        ({"front_sizes": {"heads": 3}}, "a width that heads divide evenly expected, .* 1024 and 3"),
        (
            {"front_layers": "first"},
            "option front_layers: weighted or last expected, found 'first'",
        ),
        ({"front_tuned": 25}, "option front_tuned: a whole number 1 to 24 expected, found 25"),
        ({"front_tuned": "some"}, "option front_tuned: a whole number"),
        ({"front_dropout": 2}, "option front_dropout: a number 0 to 1 expected, found 2"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("ssl-aasist", options)


def old_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As torchaudio publishes them: weight norm by its names of before torch 2.0, and a head."""
    place = "encoder.transformer.pos_conv_embed.conv"
    renamed = {
        name.replace(f"{place}.parametrizations.weight.original0", f"{place}.weight_g").replace(
            f"{place}.parametrizations.weight.original1", f"{place}.weight_v"
        ): value
        for name, value in weights.items()
    }
    return {**renamed, "aux.weight": torch.ones(2, 16)}


def fairseq_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As fairseq stores them beside what pretraining needs."""
    from torchaudio.models.wav2vec2.utils import import_fairseq

    names = [
        "mask_emb", "quantizer.vars", "project_q.weight", "final_proj.weight", "layer_norm.weight",
        "layer_norm.bias", "post_extract_proj.weight", "post_extract_proj.bias",
        "encoder.pos_conv.0.bias", "encoder.pos_conv.0.weight_g", "encoder.pos_conv.0.weight_v",
        "encoder.layer_norm.weight", "encoder.layer_norm.bias",
    ]  # fmt: skip
    for layer in range(7):
        names += [f"feature_extractor.conv_layers.{layer}.0.{part}" for part in ("weight", "bias")]
        names += [f"feature_extractor.conv_layers.{layer}.2.1.{p}" for p in ("weight", "bias")]
    for layer in range(TINY["layers"]):
        places = [f"self_attn.{part}_proj" for part in "kvq"]
        places += ["self_attn.out_proj", "self_attn_layer_norm", "fc1", "fc2", "final_layer_norm"]
        names += [f"encoder.layers.{layer}.{p}.{q}" for p in places for q in ("weight", "bias")]
    published = old_names(weights)
    reference = {name: import_fairseq._map_key(name) for name in names}
    return {name: published.get(place, torch.ones(1)) for name, place in reference.items()}


def hugging_face_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As transformers stores a model with a head."""
    renamed = {}
    for name, value in old_names(weights).items():
        bare = name.replace("encoder.feature_projection.", "feature_projection.")
        renamed[f"wav2vec2.{bare.replace('encoder.transformer.', 'encoder.')}"] = value
    return {
        **renamed,
        "lm_head.weight": torch.ones(2, 16),
        "wav2vec2.masked_spec_embed": torch.ones(16),
    }


@pytest.mark.parametrize("names", [dict, old_names, fairseq_names, hugging_face_names])
def test_weights_are_known_by_the_names_of_three_libraries(
    names: Callable[[Mapping[str, Tensor]], dict[str, Tensor]],
) -> None:
    weights = front().model.state_dict()
    renamed = torchaudio_names(names(weights), relative_positions=False)
    assert renamed.keys() == weights.keys()
    assert all(torch.equal(renamed[name], weights[name]) for name in weights)


def test_the_projections_of_wavlm_are_joined_as_torchaudio_has_them() -> None:
    from torchaudio.models.wav2vec2.utils.import_huggingface import transform_wavlm_encoder_state

    generator = torch.Generator().manual_seed(3)
    reference: dict[str, Tensor] = {
        f"layers.0.attention.{part}_proj.{kind}": torch.randn(*shape, generator=generator)
        for part in ("q", "k", "v", "out")
        for kind, shape in (("weight", (4, 4)), ("bias", (4,)))
    }
    renamed = torchaudio_names({f"encoder.{n}": v for n, v in reference.items()}, True)
    transform_wavlm_encoder_state(reference, 1)
    expected = {f"encoder.transformer.{name}": value for name, value in reference.items()}
    assert renamed.keys() == expected.keys()
    assert all(torch.equal(renamed[name], expected[name]) for name in expected)


def detector(**options: Any) -> Detector:
    back = {"rows": 6, "widths": [4], "graph_dims": [4, 4]}
    return build_detector("ssl-aasist", {"front_sizes": TINY, **back, **options})


@pytest.mark.parametrize("wrap", [dict, lambda weights: {"model": weights, "epoch": 3}])
def test_a_detector_takes_the_weights_of_a_file(
    wrap: Callable[[dict[str, Tensor]], dict[str, Any]], tmp_path: Path
) -> None:
    weights = front().model.state_dict()
    torch.save(wrap(weights), tmp_path / "front.pt")
    with_front = detector()
    with_front.take_pretrained(str(tmp_path / "front.pt"))
    front_weights = with_front.get_submodule("front.model").state_dict()
    assert all(torch.equal(front_weights[name], value) for name, value in weights.items())


def test_weights_that_are_missing_or_of_another_network_get_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^{tmp_path}/absent\.pt: no such file of weights$"):
        detector().take_pretrained(str(tmp_path / "absent.pt"))
    path = tmp_path / "front.pt"
    torch.save(front(sizes={"layers": 2}).model.state_dict(), path)
    with pytest.raises(InputError, match=rf"^{path}: not weights of this front: \d+ missing"):
        detector().take_pretrained(str(path))
    torch.save(front(sizes={"feed_forward": 8}).model.state_dict(), path)
    with pytest.raises(InputError, match=r"with these options: .* expected, found"):
        detector().take_pretrained(str(path))


def test_weights_that_cannot_be_fetched_get_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", "/proc/no/folder/can/be/made/here")
    with pytest.raises(
        InputError,
        match=r"^torchaudio: the weights WAV2VEC2_XLSR_300M cannot be fetched \(.*\); the path of",
    ):
        detector().take_pretrained("torchaudio")


def test_a_detector_without_a_pretrained_part_says_so() -> None:
    with pytest.raises(InputError, match=r"training\.pretrained: null expected, lcnn has no part"):
        build_detector("lcnn").take_pretrained("front.pt")
    with pytest.raises(InputError, match="features other than ssl have no pretrained weights"):
        build_detector("light-darts", {"features": "mel"}).take_pretrained("front.pt")
