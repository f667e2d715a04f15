"""The decoding process: decodes untrusted recordings and computes their features, one at a time.

`python -m serving.decoder BYTES SECONDS MEGABYTES` reads recordings from standard input and writes
answers to standard output, until the input ends. A recording that makes its codec hang, crash or
use too much memory ends this process and not the endpoint.

    request   header (JSON line: bytes, name, channel, start_s, end_s, listens), then the recording
    answer    header (JSON line: samples, channels | refused), then float32 (channels, samples)
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from models.audio.acoustics import describe
from models.audio.cross_talk import leaks
from models.audio.reading import EACH, SAMPLE_RATE, AudioLimits, read_channels
from models.audio.speech import Unscorable, speech_activity
from models.errors import InputError

SHORTEST_EXCERPT_S = 0.1  # as of a whole recording


class _Recording(io.BytesIO):
    """Bytes with a file name; its suffix identifies headerless formats."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def answer(requests: BinaryIO, answers: BinaryIO, limits: AudioLimits) -> bool:
    """Answer one request; False at the end of the input."""
    line = requests.readline()
    if not line:
        return False
    header = json.loads(line)
    data = requests.read(header["bytes"])
    try:
        decoded = read_channels(_Recording(data, header["name"]), header["channel"], limits)
        waveforms = _excerpt(decoded, header["start_s"], header["end_s"])
        channels = _describe(waveforms, header)
    except InputError as error:
        _write(answers, {"refused": str(error)}, np.zeros(0, np.float32))
    except MemoryError:
        refusal = f"{header['name'] or 'the audio'}: takes more memory than decoding may have"
        _write(answers, {"refused": refusal}, np.zeros(0, np.float32))
    else:
        _write(answers, {"samples": waveforms.shape[1], "channels": channels}, waveforms)
    return True


def _excerpt(
    waveforms: NDArray[np.float32], start_s: float, end_s: float | None
) -> NDArray[np.float32]:
    """The part of waveforms (channels, samples) from start to end, or to the end of the recording.

    Raises InputError where the recording ends before it, or with it.
    """
    duration_s = waveforms.shape[1] / SAMPLE_RATE
    if start_s >= duration_s:
        raise InputError(
            f"start: less than the {duration_s:.2f} s of the recording expected, "
            f"found {start_s:g} s"
        )
    stop = None if end_s is None else round(end_s * SAMPLE_RATE)
    excerpt = waveforms[:, round(start_s * SAMPLE_RATE) : stop]
    if excerpt.shape[1] < SHORTEST_EXCERPT_S * SAMPLE_RATE:
        raise InputError(
            f"start, end: at least {SHORTEST_EXCERPT_S:g} s of the recording between them "
            f"expected, found {excerpt.shape[1] / SAMPLE_RATE:.3f} s"
        )
    return excerpt


def _describe(waveforms: NDArray[np.float32], header: dict[str, Any]) -> list[dict[str, Any]]:
    """What is said of each of the waveforms (channels, samples)."""
    names = (
        [str(n) for n in range(len(waveforms))]
        if header["channel"] == EACH
        else [header["channel"]]
    )
    leaking = leaks(waveforms) if header["listens"] else [False] * len(waveforms)
    return [
        {
            "channel": name,
            "features": describe(waveform),
            "speech": _listen(waveform, leak) if header["listens"] else None,
        }
        for name, waveform, leak in zip(names, waveforms, leaking, strict=True)
    ]


def _listen(waveform: NDArray[np.float32], leaks: bool) -> dict[str, Any]:
    """The frames of speech as runs (first, behind the last), and why it cannot be judged."""
    activity = speech_activity(waveform)
    edges = np.flatnonzero(np.diff(activity.frames.astype(np.int8), prepend=0, append=0))
    reason = activity.reason or (Unscorable.CROSS_TALK if leaks else None)
    return {"frames": activity.frames.size, "runs": edges.reshape(-1, 2).tolist(), "reason": reason}


def _write(answers: BinaryIO, header: dict[str, object], waveform: NDArray[np.float32]) -> None:
    answers.write(json.dumps(header).encode() + b"\n")
    answers.write(np.ascontiguousarray(waveform, dtype=np.float32).data)
    answers.flush()


def _limit_memory(megabytes: int) -> None:
    """Limit the memory beyond what the libraries have already mapped."""
    statm = Path("/proc/self/statm")
    if statm.exists():  # elsewhere only the header checks of models.audio.reading apply
        mapped = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        limit = mapped + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Serve standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # library output must not mix with answers
    limits = AudioLimits(bytes=int(sys.argv[1]), seconds=float(sys.argv[2]))
    _limit_memory(int(sys.argv[3]))
    while answer(sys.stdin.buffer, answers, limits):
        pass


if __name__ == "__main__":
    main()
