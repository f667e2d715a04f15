"""Decodes untrusted recordings in processes with limited time and memory.

Header limits stop decompression bombs that declare their size (models.audio.reading); the process
limits stop the others.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import MIX
from models.audio.speech import SpeechActivity, Unscorable
from models.errors import InputError
from serving.errors import NotReadyError
from serving.metrics import Metrics

log = logging.getLogger(__name__)

MEMORY_MB = 1024  # for one recording: 600 s at 192 kHz with its features need less than half
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class AudioSelection:
    """Which channels of a recording, and which part."""

    channel: str = MIX  # a number, mix or each
    start_s: float = 0.0
    end_s: float | None = None  # None: of the recording
    listens: bool = False  # also finds out where somebody speaks


WHOLE_MIX = AudioSelection()


@dataclass(frozen=True)
class DecodedAudio:
    """A decoded channel: samples (samples,) at 16 kHz, and its acoustic features."""

    waveform: NDArray[np.float32]
    features: dict[str, float]
    channel: str = MIX
    activity: SpeechActivity | None = None  # None: nobody listened


class DecodingProcess:
    """One serving.decoder process, restarted after a recording that ended it."""

    def __init__(self, max_bytes: int, max_audio_s: float, patience_s: float) -> None:
        self._limits = (str(max_bytes), str(max_audio_s), str(MEMORY_MB))
        self._patience_s = patience_s
        self._process = self._start()

    def decode(
        self, recording: bytes, name: str, selection: AudioSelection = WHOLE_MIX
    ) -> list[DecodedAudio]:
        """Decode and describe channels. Raises InputError if refused, or over the limits."""
        clock = threading.Timer(self._patience_s, self._process.kill)
        clock.start()
        try:
            header, waveforms = self._exchange(recording, name, selection)
        except (OSError, EOFError) as error:
            raise InputError(
                f"{name or 'the audio'}: could not be decoded within {self._patience_s:g} s "
                f"and {MEMORY_MB} MiB of memory"
            ) from error
        finally:
            clock.cancel()
        if "refused" in header:
            raise InputError(header["refused"])
        return [
            DecodedAudio(waveform, row["features"], row["channel"], _activity(row["speech"]))
            for waveform, row in zip(waveforms, header["channels"], strict=True)
        ]

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def restart_if_ended(self) -> bool:
        """Restart the process if it has ended; whether it had. Raises OSError if it cannot."""
        if self.running:
            return False
        process = self._start()
        self._close_pipes()
        self._process = process
        return True

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def _start(self) -> subprocess.Popen[bytes]:
        one_thread = {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }  # the address space is limited
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        search = {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        return subprocess.Popen(
            [sys.executable, "-m", "serving.decoder", *self._limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **one_thread, **search},
            start_new_session=True,  # Ctrl-C is for the endpoint; this process ends with its input
        )

    def _exchange(
        self, recording: bytes, name: str, selection: AudioSelection
    ) -> tuple[dict[str, Any], NDArray[np.float32]]:
        requests, answers = _pipes(self._process)
        order = {"bytes": len(recording), "name": name, **asdict(selection)}
        requests.write(json.dumps(order).encode() + b"\n")
        requests.write(recording)
        requests.flush()
        line = answers.readline()
        if not line.endswith(b"\n"):
            self._process.wait()
            raise EOFError
        header = json.loads(line)
        shape = (len(header.get("channels", ())), header.get("samples", 0))
        size = shape[0] * shape[1] * 4
        samples = answers.read(size)
        if len(samples) < size:
            self._process.wait()
            raise EOFError
        return header, np.frombuffer(samples, dtype=np.float32).reshape(shape)

    def _close_pipes(self) -> None:
        for pipe in _pipes(self._process):
            try:
                pipe.close()
            except OSError:  # data was left in the buffer of an ended process
                continue


class Decoders:
    """A pool of decoding processes."""

    def __init__(
        self, count: int, max_bytes: int, max_audio_s: float, patience_s: float, metrics: Metrics
    ) -> None:
        self._idle: SimpleQueue[DecodingProcess] = SimpleQueue()
        self._all = [DecodingProcess(max_bytes, max_audio_s, patience_s) for _ in range(count)]
        for process in self._all:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="decode")
        self._metrics = metrics

    async def decode(self, recording: bytes, name: str) -> DecodedAudio:
        """Decode and describe the mix off the event loop. Raises InputError if refused."""
        (audio,) = await self.decode_channels(recording, name, WHOLE_MIX)
        return audio

    async def decode_channels(
        self, recording: bytes, name: str, selection: AudioSelection
    ) -> list[DecodedAudio]:
        """The same for what is selected."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._decode, recording, name, selection)

    def revive(self) -> bool:
        """Restart idle processes that ended; whether any process is running now."""
        for _ in self._all:
            try:
                process = self._idle.get_nowait()
            except Empty:
                break
            self._put_back(process)
        return any(process.running for process in self._all)

    def close(self) -> None:
        """Finish the current recordings, then end the processes."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in self._all:
            process.close()

    def _decode(self, recording: bytes, name: str, selection: AudioSelection) -> list[DecodedAudio]:
        process = self._idle.get()
        try:
            process.restart_if_ended()  # one that ended while idle is not the fault of this upload
            return process.decode(recording, name, selection)
        except OSError as error:
            raise NotReadyError("no decoding process can be started, try again later") from error
        finally:
            if not process.running:
                log.warning("a decoding process ended on an upload of %d bytes", len(recording))
            self._put_back(process)

    def _put_back(self, process: DecodingProcess) -> None:
        """Put a process back among the idle ones, whatever happens; restarted if it has ended."""
        try:
            if process.restart_if_ended():
                self._metrics.decoder_restarts.inc()
        except OSError as error:  # no memory, too many processes: the next request tries again
            log.error("a decoding process cannot be started: %s", error)
        finally:
            self._idle.put(process)


def _activity(speech: dict[str, Any] | None) -> SpeechActivity | None:
    if speech is None:
        return None
    frames = np.zeros(speech["frames"], dtype=np.bool_)
    for first, end in speech["runs"]:
        frames[first:end] = True
    return SpeechActivity(frames, Unscorable(speech["reason"]) if speech["reason"] else None)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the decoding process was started without pipes")
    return process.stdin, process.stdout
