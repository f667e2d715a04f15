"""A neural vocoder that a person brings: an ONNX graph from a log-mel spectrogram to a waveform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.lengths import cut_or_pad
from models.compute.cores import usable_cores
from models.data.copy_synthesis.mel import log_mel
from models.errors import InputError
from models.params.neural_vocoder import NeuralVocoderParams

_KEY = "neural_vocoder.file"
_SLACK = 2  # hops that a waveform may be longer or shorter than its spectrogram

Graph = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (1, mels, frames) -> waveform


@dataclass(frozen=True)
class NeuralVocoder:
    """The vocoder of a graph, at the graph's sample rate inside and at 16 kHz outside."""

    params: NeuralVocoderParams
    _run: Graph = field(repr=False, compare=False)

    def __call__(
        self,
        waveform: NDArray[np.float32],
        rng: np.random.Generator,  # noqa: ARG002  # what is drawn, if anything, is in the graph
    ) -> NDArray[np.float32]:
        """The copy-synthesis (samples,) of a recording (samples,), both at 16 kHz.

        Raises InputError where the graph fails, or gives no waveform as long as its spectrogram.
        """
        import soxr

        resampled = soxr.resample(waveform, SAMPLE_RATE, self.params.sample_rate)
        # mirrored at the end: silence there would give a copy away
        padding = self.params.hop + -resampled.size % self.params.hop
        mel = log_mel(np.pad(resampled, (0, padding), mode="reflect"), self.params)
        copied = self._run(mel[None]).reshape(-1)
        expected = mel.shape[1] * self.params.hop
        if abs(copied.size - expected) > _SLACK * self.params.hop:
            raise InputError(
                f"{_KEY}: {self.params.file}: about {expected} samples expected of {mel.shape[1]} "
                f"frames with a hop of {self.params.hop}, the graph gave {copied.size}"
            )
        if not np.isfinite(copied).all():
            raise InputError(f"{_KEY}: {self.params.file}: a finite waveform expected")
        copied = soxr.resample(copied, self.params.sample_rate, SAMPLE_RATE)
        return cut_or_pad(copied, waveform.size)


def open_neural(params: NeuralVocoderParams) -> NeuralVocoder:
    """Open the graph that params name.

    Raises InputError where none is named, where it is missing or no graph, where its input is not
    one float32 (1, mels, frames), and where onnxruntime is not installed.
    """
    if params.file is None:
        raise InputError(
            f"copy_synthesis.neural: a vocoder expected in {_KEY}, none is named (antiphon comes "
            "with none)"
        )
    path = Path(params.file)
    if not path.is_absolute():
        raise InputError(f"{_KEY}: an absolute path expected, found {params.file}")
    if not path.is_file():
        raise InputError(f"{_KEY}: an ONNX file expected, found none at {path}")
    return NeuralVocoder(params, _graph(path, params))


def _graph(path: Path, params: NeuralVocoderParams) -> Graph:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"{_KEY}: the package onnxruntime expected, not installed") from error
    from onnxruntime.capi import onnxruntime_pybind11_state as faults

    failures = (
        faults.InvalidProtobuf, faults.InvalidGraph, faults.InvalidArgument, faults.Fail,
        faults.NotImplemented, faults.RuntimeException,
    )  # fmt: skip
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    except failures as error:
        raise InputError(f"{_KEY}: {path}: not a graph that ONNX Runtime can run") from error
    name = _check_input(session.get_inputs(), f"{_KEY}: {path}", params.mels)

    def run(mel: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return np.asarray(session.run(None, {name: mel})[0], dtype=np.float32)
        except failures as error:
            raise InputError(
                f"{_KEY}: {path}: fails for a mel spectrogram of shape {mel.shape}"
            ) from error

    return run


def _check_input(inputs: list[Any], place: str, mels: int) -> str:
    """The name of the one input; a size that the graph leaves open is a name or None."""
    wanted = f"one float32 input (1, {mels}, frames) expected"
    if len(inputs) != 1:
        raise InputError(f"{place}: {wanted}, found {len(inputs)}")
    shape, kind = inputs[0].shape, inputs[0].type
    sizes = (1, mels, None)
    fits = len(shape) == 3 and all(
        not isinstance(size, int) or size == fixed for size, fixed in zip(shape, sizes, strict=True)
    )
    if not fits or kind != "tensor(float)":
        raise InputError(f"{place}: {wanted}, found {kind} {shape}")
    return str(inputs[0].name)
