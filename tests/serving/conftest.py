"""Detector folders small enough to answer in milliseconds, and recordings to send."""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
import soundfile
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from infra.database import open_database
from infra.errors import UnreachableError
from infra.storage import FolderStore
from models.calibration import Calibration, write_calibration
from models.manifest import GOLDEN, GRAPH, Manifest, write_manifest
from models.params import WindowParams
from serving.cache import ChampionCache
from serving.challenger import open_challenger
from serving.challenger_slot import ChallengerSlot
from serving.champion import load_champion
from serving.decode import Decoders
from serving.door import Door
from serving.metrics import Metrics, metrics
from serving.routes import build_app
from serving.runners import Runners
from serving.score_log import ScoreLog
from serving.shadow import Shadow
from serving.slots import ChampionSlot


@pytest.fixture
def counted() -> Metrics:
    """The metrics of this process: tests look at differences."""
    return metrics()


@pytest.fixture
def speech() -> NDArray[np.float32]:
    """Two seconds (32000,) of something that has the level and the pauses of speech."""
    time = np.arange(32_000) / 16_000
    noise = np.random.default_rng(7).standard_normal(32_000) * 0.05
    return (
        (np.sin(2 * np.pi * 140 * time) * (np.sin(2 * np.pi * 3 * time) > 0) + noise) * 0.2
    ).astype(np.float32)


def wav(waveform: NDArray[np.float32], rate: int = 16_000) -> bytes:
    """A 16-bit WAV file."""
    stream = io.BytesIO()
    soundfile.write(stream, waveform, rate, format="WAV")
    return stream.getvalue()


@pytest.fixture
def recording(speech: NDArray[np.float32]) -> bytes:
    """The speech as a WAV file."""
    return wav(speech)


WINDOW = WindowParams(samples=8_000, hop=4_000)
CLEANING_WINDOW = replace(WINDOW, spectral_subtraction=4.0)
SHORT_WINDOW = WindowParams(samples=5_000, hop=3_000)


def make_detector(folder: Path, bias: float, window: WindowParams = WINDOW) -> Path:
    """A detector whose cm_score is `bias` plus the mean square, so that a score tells its version.

    A hand-written graph: it opens in milliseconds, and goes through every check of a real one.
    """
    folder.mkdir(parents=True)
    onnx.save(_graph(bias), folder / GRAPH)
    waveforms = np.random.default_rng(5).standard_normal((2, window.samples)).astype(np.float32)
    logits = np.stack([np.zeros(2), bias + (waveforms**2).mean(axis=1)], axis=1).astype(np.float32)
    np.savez(folder / GOLDEN, waveforms=waveforms, logits=logits, embeddings=waveforms[:, :20])
    write_calibration(folder, Calibration(slope=1.0, intercept=0.0, threshold=0.5))
    write_manifest(folder, Manifest("aasist", {}, window))
    return folder


def _graph(bias: float) -> onnx.ModelProto:
    """waveforms (batch, samples) -> logits (batch, 2), embedding (batch, 20)."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    constants = {
        "bias": np.array([bias], np.float32),
        "axis": np.array([1], np.int64),
        "start": np.array([0], np.int64),
        "stop": np.array([20], np.int64),
        "zero": np.array([0.0], np.float32),
    }
    nodes = [
        node("Mul", ["waveforms", "waveforms"], ["squares"]),
        node("ReduceMean", ["squares", "axis"], ["power"], keepdims=1),
        node("Add", ["power", "bias"], ["bonafide"]),
        node("Mul", ["power", "zero"], ["spoof"]),
        node("Concat", ["spoof", "bonafide"], ["logits"], axis=1),
        node("Slice", ["waveforms", "start", "stop", "axis"], ["embedding"]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "detector",
        [value("waveforms", onnx.TensorProto.FLOAT, ["batch", "samples"])],
        [
            value("logits", onnx.TensorProto.FLOAT, ["batch", 2]),
            value("embedding", onnx.TensorProto.FLOAT, ["batch", 20]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10
    )


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Detector folders by version number; version n scores n higher than silence.

    Version 4 cleans; 5 scores 5 lower, calls everything spoof, and hears shorter windows.
    """
    folder = tmp_path_factory.mktemp("versions")
    made = {number: make_detector(folder / str(number), float(number)) for number in (1, 2, 3)}
    return {
        **made,
        4: make_detector(folder / "4", 4.0, CLEANING_WINDOW),
        5: make_detector(folder / "5", -5.0, SHORT_WINDOW),
    }


@dataclass(frozen=True)
class Version:
    """What a registry answers."""

    version: int

    @property
    def source(self) -> str:
        return f"runs/{self.version}/artifacts/detector"


class Registry:
    """Folders on disk behind an alias that can be moved and an outage that can be switched on."""

    def __init__(self, folders: dict[int, Path]) -> None:
        self.folders = dict(folders)
        self.alias: int | None = None
        self.challenged_by: int | None = None
        self.down = False
        self.fetched: list[int] = []

    def champion(self) -> Version | None:
        self._reach()
        return None if self.alias is None else Version(self.alias)

    def challenger(self) -> Version | None:
        self._reach()
        return None if self.challenged_by is None else Version(self.challenged_by)

    def fetch(self, version: int, into: Path) -> Path:
        self._reach()
        self.fetched.append(version)
        return Path(shutil.copytree(self.folders[version], into / "detector"))

    def _reach(self) -> None:
        if self.down:
            raise UnreachableError("the registry cannot be reached")


@pytest.fixture
def registry(versions: dict[int, Path]) -> Registry:
    return Registry(versions)


MAX_UPLOAD = 2 * 2**20


class Store(FolderStore):
    """A folder on a disk that can become full."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.folder = root
        self.full = False

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> None:
        if self.full:
            raise UnreachableError("no space left on device")
        super().put(key, data, only_if_new=only_if_new)


@dataclass
class Endpoint:
    """A running endpoint and what is behind it."""

    client: httpx.Client
    door: Door
    registry: Any
    store: Store

    def score(self, recording: bytes, name: str = "a.wav", **fields: str) -> Any:
        return self.client.post("/score", files={"audio": (name, recording)}, data=fields)


@contextlib.contextmanager
def listening(app: Starlette) -> Iterator[httpx.Client]:
    """A client of the app behind a real socket: what a server does to bodies is part of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=address, timeout=30.0) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


class SharedDecoders(Decoders):
    """Decoding processes that outlive an endpoint: starting them is most of a test's time."""

    def close(self) -> None:
        """Not yet."""


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    shared = SharedDecoders(2, MAX_UPLOAD, 60.0, 20.0, metrics())
    yield shared
    Decoders.close(shared)


@pytest.fixture
def start(
    tmp_path: Path, registry: Any, counted: Metrics, decoders: Decoders
) -> Iterator[Callable[..., Endpoint]]:
    """Start an endpoint in this process; everything in it is real but the registry."""
    with contextlib.ExitStack() as stack:

        def begin(
            *,
            alias: int | None = 1,
            token: str | None = None,
            keeps: bool = False,
            queue_s: float = 60.0,
        ) -> Endpoint:
            registry.alias = alias
            store = Store(tmp_path / "objects")
            slot = ChampionSlot(
                registry.champion,
                registry.fetch,
                partial(load_champion, threads=2),
                ChampionCache(tmp_path / "cache", "one"),
                counted,
                interval_s=0.02,
            )
            score_log = ScoreLog(lambda: open_database(f"sqlite:///{tmp_path}/log.db"), counted)
            challengers = ChallengerSlot(
                registry.challenger,
                registry.fetch,
                open_challenger,
                ChampionCache(tmp_path / "cache", "one"),
                counted,
                interval_s=0.02,
            )
            door = Door(
                slot=slot,
                decoders=decoders,
                runners=Runners(2, 1),
                score_log=score_log,
                shadow=Shadow(challengers, score_log, counted, longest_s=queue_s),
                store=store,
                metrics=counted,
                keeps_audio=keeps,
            )
            slot.look()
            slot.start()
            door.shadow.start()

            @contextlib.asynccontextmanager
            async def lifespan(app: Starlette) -> AsyncIterator[None]:
                app.state.door, app.state.api_token = door, token
                app.state.max_upload_bytes = MAX_UPLOAD
                yield
                door.close()

            client = stack.enter_context(listening(build_app(lifespan)))
            return Endpoint(client, door, registry, store)

        yield begin
