"""The published self-supervised networks, as torchaudio builds them, without weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchaudio.models import Wav2Vec2Model

_CONVOLUTIONS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))  # kernel, stride
FRAME, HOP = 400, 320  # samples that a frame hears through them, and to the next (25 and 20 ms)
_BUCKETS, _FARTHEST = 320, 800  # of WavLM's distances between frames


@dataclass(frozen=True)
class Architecture:
    """The sizes and variants that distinguish the published networks."""

    bundle: str  # torchaudio's name of its weights
    layers: int
    width: int
    heads: int
    feed_forward: int
    # layer norm in every convolution and in front of each transformer layer, and a waveform of
    # zero mean and unit variance; else group norm in the first one, norms behind, as it comes
    normalised: bool = True
    convolution_bias: bool = False
    relative_positions: bool = False  # WavLM's
    convolution_channels: int = 512
    position_kernel: int = 128
    position_groups: int = 16


_BASE = Architecture("WAV2VEC2_BASE", 12, 768, 12, 3072, normalised=False)
_LARGE = Architecture("WAV2VEC2_LARGE_LV60K", 24, 1024, 16, 4096, convolution_bias=True)
FRONTS: dict[str, Architecture] = {
    "wav2vec2-base": _BASE,
    "wav2vec2-large": Architecture("WAV2VEC2_LARGE", 24, 1024, 16, 4096, normalised=False),
    "wav2vec2-large-lv60k": _LARGE,
    "xlsr-53": replace(_LARGE, bundle="WAV2VEC2_XLSR53"),
    "xlsr-300m": replace(_LARGE, bundle="WAV2VEC2_XLSR_300M"),
    "xlsr-1b": Architecture("WAV2VEC2_XLSR_1B", 48, 1280, 16, 5120, convolution_bias=True),
    "xlsr-2b": Architecture("WAV2VEC2_XLSR_2B", 48, 1920, 16, 7680, convolution_bias=True),
    "hubert-base": replace(_BASE, bundle="HUBERT_BASE"),
    "hubert-large": Architecture("HUBERT_LARGE", 24, 1024, 16, 4096),
    "hubert-xlarge": Architecture("HUBERT_XLARGE", 48, 1280, 16, 5120),
    "wavlm-base": replace(_BASE, bundle="WAVLM_BASE", relative_positions=True),
    "wavlm-base-plus": replace(_BASE, bundle="WAVLM_BASE_PLUS", relative_positions=True),
    "wavlm-large": Architecture("WAVLM_LARGE", 24, 1024, 16, 4096, relative_positions=True),
}
SIZES = (
    "layers", "width", "heads", "feed_forward", "convolution_channels", "position_kernel",
    "position_groups",
)  # fmt: skip


def build_network(architecture: Architecture, dropout: float = 0.0) -> Wav2Vec2Model:
    """The network with random weights, without a head.

    No layer is skipped at random in training: processes that train together skip alike or wait.
    """
    from torchaudio.models import wav2vec2_model, wavlm_model  # other detectors need none of it

    sizes: dict[str, Any] = {
        "extractor_mode": "layer_norm" if architecture.normalised else "group_norm",
        "extractor_conv_layer_config": [
            (architecture.convolution_channels, *convolution) for convolution in _CONVOLUTIONS
        ],
        "extractor_conv_bias": architecture.convolution_bias,
        "encoder_embed_dim": architecture.width,
        "encoder_projection_dropout": dropout,
        "encoder_pos_conv_kernel": architecture.position_kernel,
        "encoder_pos_conv_groups": architecture.position_groups,
        "encoder_num_layers": architecture.layers,
        "encoder_num_heads": architecture.heads,
        "encoder_attention_dropout": dropout,
        "encoder_ff_interm_features": architecture.feed_forward,
        "encoder_ff_interm_dropout": dropout,
        "encoder_dropout": dropout,
        "encoder_layer_norm_first": architecture.normalised,
        "encoder_layer_drop": 0.0,
        "aux_num_out": None,
    }
    if not architecture.relative_positions:
        return wav2vec2_model(**sizes)
    from models.detectors.layers.relative_attention import RelativeAttention  # needs torchaudio

    model = wavlm_model(**sizes, encoder_num_buckets=_BUCKETS, encoder_max_distance=_FARTHEST)
    for place, layer in enumerate(model.encoder.transformer.layers):
        layer.attention = RelativeAttention(
            architecture.width, architecture.heads, dropout,
            has_relative_attention_bias=place == 0, num_buckets=_BUCKETS, max_distance=_FARTHEST,
        )  # fmt: skip
    return model
