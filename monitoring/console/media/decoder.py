"""The decoding process of the console: turns untrusted recordings into plain samples on the disk.

`python -m monitoring.console.media.decoder MEGABYTES` reads orders from standard input and writes
answers to standard output, a line of JSON each, until the input ends. A recording that makes its
codec hang, crash or use too much memory ends this process and not the console.

    order    path, suffix, seconds (as it was scored, or null), folder to write to
    answers  {rate, channels, frames}, then {done} after each block, at last {end}
             or {refused} for what cannot be heard, {failed} for what the disk refuses
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import soundfile
import soxr  # noqa: F401  imported here so that no order waits for it
from numpy.typing import NDArray

from models.audio.containers import parts_of
from models.audio.containers.part import DamagedError, UnreadableError
from models.audio.decoding import AudioStream, open_stream
from models.errors import InputError
from monitoring.console.media.plain import LARGEST_BYTES, PlainWriter

BLOCK = 2**17  # samples that are decoded at once: a page can begin after a few milliseconds
STORED_BYTES = 256 * 2**20  # of a file that is read into memory, because its structure is walked
AGREEMENT_S = 0.1  # between the length that a header says and the length that was scored


def main() -> None:
    """Serve standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    os.dup2(2, 1)  # library output must not mix with answers
    _limit(int(sys.argv[1]))
    for line in sys.stdin:
        answer(json.loads(line), answers)


def answer(order: dict[str, Any], answers: TextIO) -> None:
    """Do one order; whatever the recording is, its last answer says how it ended."""

    def say(**facts: object) -> None:
        answers.write(json.dumps(facts) + "\n")

    try:
        with ExitStack() as stack:
            writer = PlainWriter(Path(order["folder"]), say, stack, order["seconds"])
            for stream in _streams(order, stack):
                writer.take(stream)
            say(end=writer.close())
    except (InputError, UnreadableError, DamagedError) as error:
        say(refused=str(error))
    except MemoryError:
        say(refused="takes more memory than decoding may have")
    except OSError as error:
        say(failed=error.strerror or str(error))


def _streams(order: dict[str, Any], stack: ExitStack) -> Iterator[AudioStream]:
    """The recordings in a file, one behind the other."""
    path = Path(order["path"])
    plain = _readily(path, order["seconds"], stack)
    if plain is not None:
        yield plain
        return
    if path.stat().st_size > STORED_BYTES:
        raise InputError(f"at most {STORED_BYTES >> 20} MiB expected in this format, it is larger")
    for part in parts_of(path.read_bytes(), order["suffix"]):
        with open_stream(part) as stream:
            yield stream


def _readily(path: Path, seconds: float | None, stack: ExitStack) -> AudioStream | None:
    """libsndfile's view of a file, never all of it in memory; None if it is not what was scored.

    A recording may be several that were joined, of which libsndfile reads the first.
    """
    if seconds is None:
        return None
    stream = stack.enter_context(path.open("rb"))
    try:
        file = stack.enter_context(soundfile.SoundFile(stream.fileno(), closefd=False))
    except (soundfile.LibsndfileError, TypeError):
        return None
    frames = int(file.frames)
    if abs(frames / file.samplerate - seconds) > AGREEMENT_S:
        return None
    return AudioStream(file.samplerate, file.channels, frames, _blocks(file), slack=0)


def _blocks(file: Any) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            block = file.read(
                frames=max(BLOCK // file.channels, 1), dtype="float32", always_2d=True
            )
        except soundfile.LibsndfileError as error:
            raise DamagedError(str(error.error_string).rstrip(".")) from error
        if not len(block):
            return
        yield block


def _limit(megabytes: int) -> None:
    """Limit the memory beyond what the libraries have mapped, and the size of what is written."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        mapped = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        limit = mapped + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_BYTES, LARGEST_BYTES))


if __name__ == "__main__":
    main()
