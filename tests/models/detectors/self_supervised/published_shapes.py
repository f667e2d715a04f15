"""Names and shapes of weights as Hugging Face publishes them, without the weights."""

from __future__ import annotations

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
_KERNELS = (10, 3, 3, 3, 3, 2, 2)


def hugging_face_weights(name: str) -> dict[str, Tensor]:
    """The whole state dict of a repository, as tensors that hold shapes alone."""
    return {key: torch.empty(shape, device="meta") for key, shape in REPOSITORIES[name]().items()}


def _xls_r_300m() -> Shapes:
    """facebook/wav2vec2-xls-r-300m: a Wav2Vec2ForPreTraining, with what pretraining needs."""
    shapes = _encoder("wav2vec2.", layers=24, width=1024, feed_forward=4096, normalised=True)
    for conv in range(len(_KERNELS)):
        shapes[f"wav2vec2.feature_extractor.conv_layers.{conv}.conv.bias"] = (512,)
    return {
        **shapes,
        "wav2vec2.masked_spec_embed": (1024,),
        "quantizer.codevectors": (1, 640, 384),
        "quantizer.weight_proj.weight": (640, 512),
        "quantizer.weight_proj.bias": (640,),
        "project_hid.weight": (768, 1024),
        "project_hid.bias": (768,),
        "project_q.weight": (768, 768),
        "project_q.bias": (768,),
    }


def _hubert_base() -> Shapes:
    """facebook/hubert-base-ls960: a HubertModel."""
    return {**_encoder("", 12, 768, 3072, normalised=False), "masked_spec_embed": (768,)}


def _wavlm_base() -> Shapes:
    """microsoft/wavlm-base: a WavLMModel, with its positions between frames."""
    shapes = {**_encoder("", 12, 768, 3072, normalised=False), "masked_spec_embed": (768,)}
    for layer in range(12):
        attention = f"encoder.layers.{layer}.attention"
        shapes[f"{attention}.gru_rel_pos_const"] = (1, 12, 1, 1)
        shapes[f"{attention}.gru_rel_pos_linear.weight"] = (8, 64)
        shapes[f"{attention}.gru_rel_pos_linear.bias"] = (8,)
    shapes["encoder.layers.0.attention.rel_attn_embed.weight"] = (320, 12)
    return shapes


def _encoder(
    prefix: str, layers: int, width: int, feed_forward: int, *, normalised: bool
) -> Shapes:
    shapes: Shapes = {}
    for conv, kernel in enumerate(_KERNELS):
        place = f"feature_extractor.conv_layers.{conv}"
        shapes[f"{place}.conv.weight"] = (512, 512 if conv else 1, kernel)
        if normalised or conv == 0:
            shapes |= _pair(f"{place}.layer_norm", 512)
    shapes |= _pair("feature_projection.layer_norm", 512)
    shapes |= _pair("feature_projection.projection", width, 512)
    shapes["encoder.pos_conv_embed.conv.bias"] = (width,)
    shapes["encoder.pos_conv_embed.conv.weight_g"] = (1, 1, 128)
    shapes["encoder.pos_conv_embed.conv.weight_v"] = (width, width // 16, 128)
    shapes |= _pair("encoder.layer_norm", width)
    for layer in range(layers):
        place = f"encoder.layers.{layer}"
        for part in ("k", "v", "q", "out"):
            shapes |= _pair(f"{place}.attention.{part}_proj", width, width)
        shapes |= _pair(f"{place}.layer_norm", width)
        shapes |= _pair(f"{place}.feed_forward.intermediate_dense", feed_forward, width)
        shapes |= _pair(f"{place}.feed_forward.output_dense", width, feed_forward)
        shapes |= _pair(f"{place}.final_layer_norm", width)
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def _pair(place: str, *shape: int) -> Shapes:
    return {f"{place}.weight": shape, f"{place}.bias": shape[:1]}


REPOSITORIES = {
    "xlsr-300m": _xls_r_300m,
    "hubert-base": _hubert_base,
    "wavlm-base": _wavlm_base,
}
