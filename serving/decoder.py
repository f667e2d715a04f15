"""The process that opens what strangers send: decodes and describes one recording at a time.

Run as `python -m serving.decoder BYTES SECONDS MEGABYTES` it reads recordings from standard input
and answers on standard output, until the input ends. A recording that hangs, crashes or inflates
its codec takes this process with it and not the endpoint.

    request   header (JSON line: bytes, suffix), then the recording
    answer    header (JSON line: samples, features | refused), then float32 samples
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from models.audio.acoustics import describe
from models.audio.reading import AudioLimits, read_audio
from models.errors import InputError


class _Recording(io.BytesIO):
    """Bytes with a name, whose suffix tells headerless formats apart."""

    def __init__(self, data: bytes, suffix: str) -> None:
        super().__init__(data)
        self.name = f"audio{suffix}"


def answer(requests: BinaryIO, answers: BinaryIO, limits: AudioLimits) -> bool:
    """Answer one request; False where there are no more."""
    line = requests.readline()
    if not line:
        return False
    header = json.loads(line)
    data = requests.read(header["bytes"])
    try:
        waveform = read_audio(_Recording(data, header["suffix"]), limits)
        features = describe(waveform)
    except InputError as error:
        _write(answers, {"refused": str(error)}, np.zeros(0, np.float32))
    except MemoryError:
        refusal = "the audio: takes more memory than decoding may have"
        _write(answers, {"refused": refusal}, np.zeros(0, np.float32))
    else:
        _write(answers, {"samples": len(waveform), "features": features}, waveform)
    return True


def _write(answers: BinaryIO, header: dict[str, object], waveform: NDArray[np.float32]) -> None:
    answers.write(json.dumps(header).encode() + b"\n")
    answers.write(np.ascontiguousarray(waveform, dtype=np.float32).data)
    answers.flush()


def _limit_memory(megabytes: int) -> None:
    """Allow so much beyond what the libraries have mapped already."""
    statm = Path("/proc/self/statm")
    if statm.exists():  # elsewhere the header checks of models.audio.reading stand alone
        mapped = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        limit = mapped + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Serve standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    limits = AudioLimits(bytes=int(sys.argv[1]), seconds=float(sys.argv[2]))
    _limit_memory(int(sys.argv[3]))
    while answer(sys.stdin.buffer, answers, limits):
        pass


if __name__ == "__main__":
    main()
