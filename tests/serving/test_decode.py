"""Recordings are decoded in a process that may end without the endpoint."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.errors import InputError
from serving.decode import Decoders, DecodingProcess
from serving.metrics import Metrics


@pytest.fixture(scope="module")
def process() -> Iterator[DecodingProcess]:
    """One process for all; each test leaves it usable."""
    process = DecodingProcess(max_bytes=4 * 2**20, max_audio_s=60.0, patience_s=20.0)
    yield process
    process.close()


def test_a_recording_comes_back_as_samples_and_features(
    process: DecodingProcess, recording: bytes, speech: NDArray[np.float32]
) -> None:
    (audio,) = process.decode(recording, "call.wav")
    assert np.abs(audio.waveform - speech).max() < 2**-15
    assert audio.features["level_dbfs"] < 0


def test_a_refusal_is_one_sentence_and_the_process_goes_on(
    process: DecodingProcess, recording: bytes
) -> None:
    with pytest.raises(InputError, match="not audio that can be read"):
        process.decode(b"this is a letter, not a recording" * 20, "call.wav")
    assert not process.restart_if_ended()
    assert process.decode(recording, "call.wav")[0].waveform.size == 32_000


def test_a_small_file_of_hours_is_refused(process: DecodingProcess) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(16_000 * 3600, np.int16), 16_000, format="FLAC")
    with pytest.raises(InputError, match="at most 60 s"):
        process.decode(stream.getvalue(), "call.flac")
    assert not process.restart_if_ended()


def test_the_name_of_a_headerless_format_is_heeded(process: DecodingProcess) -> None:
    tone = (np.random.default_rng(3).integers(0, 255, 16_000)).astype(np.uint8).tobytes()
    assert process.decode(tone, "call.alaw")[0].waveform.size > 0
    with pytest.raises(InputError):
        process.decode(tone, "")


def test_a_recording_that_takes_too_long_takes_only_its_process(
    recording: bytes, counted: Metrics
) -> None:
    decoders = Decoders(1, 4 * 2**20, 60.0, patience_s=0.001, metrics=counted)
    restarts = counted.decoder_restarts._value.get()
    try:
        with pytest.raises(InputError, match=r"could not be decoded within 0\.001 s"):
            asyncio.run(decoders.decode(recording, "call.wav"))
        assert counted.decoder_restarts._value.get() == restarts + 1
        decoders._all[0]._patience_s = 20.0
        assert asyncio.run(decoders.decode(recording, "call.wav")).waveform.size == 32_000
    finally:
        decoders.close()


def test_a_recording_that_takes_too_much_memory_takes_at_most_its_process(
    recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.decode.MEMORY_MB", 24)
    long = io.BytesIO()
    noise = np.random.default_rng(1).integers(-9000, 9000, 16_000 * 500, dtype=np.int16)
    soundfile.write(long, noise, 16_000, format="WAV")
    process = DecodingProcess(max_bytes=32 * 2**20, max_audio_s=600.0, patience_s=20.0)
    try:
        with pytest.raises(InputError, match="memory"):
            process.decode(long.getvalue(), "call.wav")
        process.restart_if_ended()
        assert process.decode(recording, "call.wav")[0].waveform.size == 32_000
    finally:
        process.close()
