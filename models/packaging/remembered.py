"""Embeddings computed once: detectors that differ in their last layer alone hear a window once.

FOLDER/<backbone>-<runtime>.npz
    windows      (n, 16) bytes, of each the beginning of the SHA-256 of what went into the graph
    embeddings   float32 (n, d)

The name has the beginning of the hash of the graph without its last layer: the same backbone finds
its embeddings again, whatever its last layer is, and no other ever does.
"""

from __future__ import annotations

import hashlib
import threading
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files.whole_files import written_beside
from models.packaging.last_layer import LastLayer, read_backbone
from models.packaging.runtime import (
    DEFAULT_RUNTIME,
    ExportedDetector,
    Outputs,
    cm_scores,
    golden_tolerance,
)

_KEY_BYTES = 16
VERIFIED = 3  # remembered windows that go through each graph again
KEPT = 3  # backbones in a folder
MOST_BYTES = 2**30  # of the embeddings of a backbone; windows beyond are computed each time


@dataclass
class _Store:
    """What one backbone has made of windows; several threads write into it."""

    path: Path
    known: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)
    used: set[bytes] = field(default_factory=set)

    def read(self) -> None:
        """Everything of an earlier time; nothing where the file is damaged or absent."""
        with (
            suppress(OSError, ValueError, KeyError, zipfile.BadZipFile),
            self.path.open("rb") as stream,
            np.load(stream, allow_pickle=False) as stored,
        ):
            windows, embeddings = stored["windows"], stored["embeddings"]
            self.known.update(
                (key.tobytes(), row) for key, row in zip(windows, embeddings, strict=True)
            )

    def write(self, all_known: bool) -> None:
        """What was asked for, or all: without the latter, windows that are gone are forgotten."""
        keys = sorted(self.known if all_known else self.used & set(self.known))
        if not keys:
            return
        windows = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), _KEY_BYTES)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(self.path) as new, new.open("wb") as stream:
            np.savez(stream, windows=windows, embeddings=np.stack([self.known[k] for k in keys]))


class EmbeddingMemory:
    """Opens detector folders whose windows go through a backbone once.

    A folder of a backbone without such a last layer is opened as always.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self._threads = threads
        self._stores: dict[str, _Store] = {}

    def open(self, folder: Path) -> ExportedDetector:
        """The detector of a folder; raises InputError where its graph does not agree with it."""
        exported = ExportedDetector.open(folder, threads=self._threads)
        backbone = read_backbone(folder)
        if backbone is None:
            return exported
        name = f"{backbone.sha256[:32]}-{DEFAULT_RUNTIME}"
        if name not in self._stores:
            self._stores[name] = _Store(self.folder / f"{name}.npz")
            self._stores[name].read()
        return RememberingDetector(exported, backbone.layer, self._stores[name], self._threads)

    def keep(self, *, all_known: bool = False) -> None:
        """Write what was asked for since this was made, or all that is known.

        Backbones that are long unused are removed.
        """
        for store in self._stores.values():
            store.write(all_known)
        files = sorted(self.folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)
        for path in files[:-KEPT]:
            path.unlink(missing_ok=True)


class RememberingDetector(ExportedDetector):
    """A detector whose logits are made of remembered embeddings, where there are such.

    The first windows that it remembers go through its graph all the same, and both answers must
    agree as golden vectors do.
    """

    def __init__(
        self, exported: ExportedDetector, layer: LastLayer, store: _Store, threads: int
    ) -> None:
        super().__init__(exported.folder, exported.manifest, self._remember, threads)
        self._exported, self._layer, self._memory = exported, layer, store
        self._to_verify = VERIFIED
        self._lock = threading.Lock()

    def check_golden(self) -> None:
        """The same of the graph itself: nothing is remembered of golden windows."""
        self._exported.check_golden()

    def _remember(self, windows: NDArray[np.float32]) -> Outputs:
        key = hashlib.sha256(windows.tobytes()).digest()[:_KEY_BYTES]
        self._memory.used.add(key)
        embedding = self._memory.known.get(key)
        if embedding is None:
            logits, embeddings = self._exported.run(windows)
            if (len(self._memory.known) + 1) * embeddings[0].nbytes <= MOST_BYTES:
                self._memory.known[key] = embeddings[0]
            return logits, embeddings
        remembered = embedding[None], self._layer.logits(embedding[None])
        self._verify(windows, remembered[1])
        return remembered[1], remembered[0]

    def _verify(self, windows: NDArray[np.float32], remembered: NDArray[np.float32]) -> None:
        with self._lock:
            if self._to_verify == 0:
                return
            self._to_verify -= 1
        logits, _ = self._exported.run(windows)
        expected = cm_scores(logits)
        gap = float(np.abs(cm_scores(remembered) - expected).max())
        if not gap <= golden_tolerance(expected):
            raise InputError(
                f"{self.folder}: cm_scores of remembered embeddings within "
                f"{golden_tolerance(expected):.1e} of those of the graph expected, found "
                f"{gap:.1e} away; remove {self._memory.path} to compute them anew"
            )
