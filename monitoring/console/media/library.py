"""The renditions of a console: opened once, kept on the disk for a while, forgotten on demand.

A folder for each recording, named by what its bytes hash to, holds `samples.i16`, `peaks.i16`,
`ready.json` and `tiles/`. A folder that is being written has another name until it is complete, so
that a console that is killed leaves nothing that looks like a recording.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from infra.errors import AbsentError, UnreachableError
from monitoring.console.media.decoding import DecoderProcess
from monitoring.console.media.rendition import Progress, Rendition

FOLDER = "console/renditions"  # in the state folder
DECODERS = 2  # the clip that is listened to does not wait for the one that is preloaded
OPEN = 64  # renditions whose files are open
KEPT_BYTES = 8 * 2**30  # on the disk; those unused for longest go first
KEPT_S = 24 * 3600.0  # unused
PRUNED_EVERY_S = 3600.0
UNFINISHED_S = 3600.0  # after which a folder belongs to no console that is still decoding
READY = "ready.json"
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class SourceRecording:
    """A recording somewhere, and how its bytes get into a file."""

    sha256: str  # of its bytes, in hexadecimal digits
    suffix: str  # of the file it came in; tells headerless formats apart
    seconds: float | None  # as it was scored; None: it was not yet
    fetch: Callable[[Path], None]  # raises AbsentError, UnreachableError


class Library:
    """The renditions below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: OrderedDict[str, Rendition] = OrderedDict()
        self._lock = threading.Lock()
        self._decoders: SimpleQueue[DecoderProcess] = SimpleQueue()
        self._threads = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self._all: list[DecoderProcess] = []
        self._pruned_at = -math.inf
        root.mkdir(parents=True, exist_ok=True)
        self._remove_unfinished()

    def start(self) -> None:
        """Start the decoding processes, so that the first page does not wait for them."""
        with self._lock:
            if not self._all:
                self._all = [DecoderProcess() for _ in range(DECODERS)]
                for process in self._all:
                    self._decoders.put(process)

    def close(self) -> None:
        """End the decoding processes."""
        for process in self._all:
            process.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def open(self, recording: SourceRecording) -> Rendition:
        """The rendition of a recording; it may still be waiting to be decoded."""
        name = _checked(recording.sha256)
        with self._lock:
            known = self._open.get(name)
            if known is not None and known.progress is not Progress.FAILED:
                self._open.move_to_end(name)
                return known
            rendition = Rendition()
            self._open[name] = rendition
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
        if time.monotonic() - self._pruned_at > PRUNED_EVERY_S:
            self._pruned_at = time.monotonic()
            self._threads.submit(self.prune)
        if not self._reopen(name, rendition):
            self.start()
            self._threads.submit(self._decode, recording, rendition)
        return rendition

    def tile_path(self, sha256: str, name: str) -> Path:
        """Where a tile of a recording is kept; its folder is there once the recording is ready."""
        return self._root / _checked(sha256) / "tiles" / name

    def forget(self, sha256: str) -> None:
        """Remove what is kept of a recording; what a page has open ends with that page."""
        with self._lock:
            self._open.pop(sha256, None)
        discard(self._root, sha256)

    def prune(self, kept_bytes: int = KEPT_BYTES, kept_s: float = KEPT_S) -> int:
        """Forget what was not used for long, and as much as is too much; how many."""
        folders = [path for path in self._root.iterdir() if _NAME.fullmatch(path.name)]
        used = sorted(((_used(path), path) for path in folders), reverse=True)
        total, forgotten = 0, 0
        for at, path in used:
            total += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            if total > kept_bytes or time.time() - at > kept_s:
                self.forget(path.name)
                forgotten += 1
        return forgotten

    def _reopen(self, name: str, rendition: Rendition) -> bool:
        """Open what an earlier console decoded; whether there is such."""
        folder = self._root / name
        try:
            facts = json.loads((folder / READY).read_text("ascii"))
            rendition.begin(folder, facts["rate"], facts["channels"], facts["frames"])
            os.utime(folder / READY)
        except FileNotFoundError:
            return False
        rendition.finish(facts["frames"])
        return True

    def _decode(self, recording: SourceRecording, rendition: Rendition) -> None:
        folder = self._root / f".{recording.sha256}.{uuid.uuid4().hex}"
        process = self._decoders.get()
        try:
            folder.mkdir()
            source = folder / "source"
            recording.fetch(source)
            order = {
                "path": str(source),
                "suffix": recording.suffix,
                "seconds": recording.seconds,
                "folder": str(folder),
            }
            process.decode(order, lambda facts: self._take(facts, rendition, folder))
            source.unlink()
            self._keep(folder, recording.sha256, rendition)
        except AbsentError:
            rendition.stop(Progress.REFUSED, "its audio is no longer in the store")
        except UnreachableError as error:
            rendition.stop(Progress.FAILED, str(error))
        except OSError as error:
            rendition.stop(Progress.FAILED, f"the console cannot decode now ({error.strerror})")
        finally:
            if not rendition.ended:
                rendition.stop(Progress.FAILED, "the console could not decode it, its log says why")
            self._decoders.put(process)
            shutil.rmtree(folder, ignore_errors=True)

    def _take(self, facts: dict[str, Any], rendition: Rendition, folder: Path) -> None:
        match facts:
            case {"rate": rate, "channels": channels, "frames": frames}:
                rendition.begin(folder, rate, channels, frames)
            case {"done": done}:
                rendition.advance(done)
            case {"end": end}:
                rendition.finish(end)
            case {"refused": sentence}:
                rendition.stop(Progress.REFUSED, sentence)
            case {"failed": reason}:
                sentence = f"the console cannot decode now ({reason})"
                rendition.stop(Progress.FAILED, sentence)

    def _keep(self, folder: Path, name: str, rendition: Rendition) -> None:
        """Move a complete rendition to its place, unless it was forgotten meanwhile."""
        if rendition.progress is not Progress.READY:
            return
        facts = {
            "rate": rendition.rate,
            "channels": rendition.channels,
            "frames": rendition.frames,
        }
        (folder / READY).write_text(json.dumps(facts), "ascii")
        (folder / "tiles").mkdir()
        with self._lock:
            if self._open.get(name) is not rendition or (self._root / name).exists():
                return  # forgotten, or another console was faster
            folder.rename(self._root / name)

    def _remove_unfinished(self) -> None:
        for path in self._root.glob(".*"):
            if time.time() - path.stat().st_mtime > UNFINISHED_S:
                shutil.rmtree(path, ignore_errors=True)


def discard(root: Path, sha256: str) -> None:
    """Remove what a console below `root` keeps of a recording, whether it runs or not."""
    shutil.rmtree(root / _checked(sha256), ignore_errors=True)


def _checked(sha256: str) -> str:
    if not _NAME.fullmatch(sha256):
        raise ValueError(f"a SHA-256 expected, found {sha256!r}")
    return sha256


def _used(folder: Path) -> float:
    try:
        return (folder / READY).stat().st_mtime
    except FileNotFoundError:
        return 0.0
