"""The decoding process: decodes untrusted recordings and computes their features, one at a time.

`python -m serving.decoder BYTES SECONDS MEGABYTES` reads recordings from standard input and writes
answers to standard output, until the input ends. A recording that makes its codec hang, crash or
use too much memory ends this process and not the endpoint.

    request   header (JSON line: bytes, name), then the recording
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
        waveform = read_audio(_Recording(data, header["name"]), limits)
        features = describe(waveform)
    except InputError as error:
        _write(answers, {"refused": str(error)}, np.zeros(0, np.float32))
    except MemoryError:
        refusal = f"{header['name'] or 'the audio'}: takes more memory than decoding may have"
        _write(answers, {"refused": refusal}, np.zeros(0, np.float32))
    else:
        _write(answers, {"samples": len(waveform), "features": features}, waveform)
    return True


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
