"""The endpoint hears what the commands hear, and refuses it in the same words."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, read_audio
from models.errors import InputError


def float_wav(samples: NDArray[np.float32]) -> bytes:
    """Samples (frames,) or (frames, channels) as a float WAV."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return stream.getvalue()


def test_uploads_that_cannot_be_heard_whole_are_refused_with_the_reason(
    start: Callable[..., Any], speech: NDArray[np.float32], recording: bytes
) -> None:
    endpoint = start()
    huge = speech.copy()
    huge[5] = 3e38
    reasons = {
        "channels cancel": float_wav(np.stack([speech, -0.9 * speech], 1)),
        "times full scale": float_wav(speech * 32_768),
        "samples up to 3e+38": float_wav(huge),
        "truncated": recording[:-1_000],
    }
    for reason, upload in reasons.items():
        answer = endpoint.score(upload)
        assert answer.status_code == 400 and reason in answer.json()["error"]
    twice = endpoint.score(recording + recording, name="two.ulaw").json()
    assert twice["duration_s"] == pytest.approx(2 * len(speech) / SAMPLE_RATE)


def test_files_that_went_wrong_get_the_answer_of_the_command(
    start: Callable[..., Any], shared: Path
) -> None:
    folder = shared / "cases"
    if not folder.is_dir():
        pytest.skip("needs shared/cases")
    endpoint = start()
    files = [path for path in folder.iterdir() if path.suffix not in (".md", ".json")]
    for path in sorted(files):
        answer = endpoint.score(path.read_bytes(), name=path.name)
        try:
            waveform = read_audio(path)
        except InputError as error:
            assert answer.status_code == 400
            assert answer.json()["error"] == str(error).replace(str(path), path.name)
        else:
            assert answer.json()["duration_s"] == pytest.approx(len(waveform) / SAMPLE_RATE)


def test_a_refusal_names_the_file_without_its_folders(start: Callable[..., Any]) -> None:
    endpoint = start()
    for name, shown in (("C/calls/odd.wav", "odd.wav"), ("x" * 300 + ".wav", "x" * 96 + ".wav")):
        answer = endpoint.score(b"no audio at all" * 99, name=name)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(f"{shown}: not audio that can be read")
