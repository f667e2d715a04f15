"""Detector folders small enough to answer in milliseconds, and recordings to send."""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette

from infra.database import open_database
from infra.errors import UnreachableError
from infra.settings import Settings
from infra.storage import FolderStore
from serving.access import scopes_in
from serving.api.draining import Drain
from serving.api.rates import RateLimit
from serving.cache import ChampionCache
from serving.challenger import open_challenger
from serving.challenger_slot import ChallengerSlot
from serving.champion import load_champion
from serving.decode import Decoders
from serving.door import Door
from serving.jobs.jobs_state import open_jobs_of_worker
from serving.metrics import Metrics, metrics
from serving.readiness import Places
from serving.routes import build_app
from serving.runners import Runners
from serving.score_log import ScoreLog
from serving.shadow import ShadowQueue
from serving.slots import ChampionSlot
from serving.streams.opening import open_streams_of_worker
from serving.uploads import BodyLimits


@pytest.fixture
def counted() -> Metrics:
    """The metrics of this process; tests compare differences."""
    return metrics()


def wav(waveform: NDArray[np.float32], rate: int = 16_000) -> bytes:
    """A 16-bit WAV file."""
    stream = io.BytesIO()
    soundfile.write(stream, waveform, rate, format="WAV")
    return stream.getvalue()


@pytest.fixture
def recording(speech: NDArray[np.float32]) -> bytes:
    """The speech as a WAV file."""
    return wav(speech)


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
    app: Starlette

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


def settings_in(folder: Path) -> Settings:
    """What jobs and streams may take here."""
    return Settings(
        _env_file=None,
        state_dir=folder,
        database_url=f"sqlite:///{folder}/log.db",
        max_upload_bytes=MAX_UPLOAD,
        job_max_bytes=2 * MAX_UPLOAD,
        webhook_secret="whsec_" + "A" * 32,
        webhook_targets="https://fraud.example.org/",
    )


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
            idle_s: float = 30.0,
            total_s: float = 60.0,
            a_minute: float = 0.0,
            places: int = 64,
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
                shadow=ShadowQueue(challengers, score_log, counted, longest_s=queue_s),
                store=store,
                metrics=counted,
                keeps_audio=keeps,
            )
            slot.poll()
            slot.start()
            door.shadow.start()

            @contextlib.asynccontextmanager
            async def lifespan(app: Starlette) -> AsyncIterator[None]:
                app.state.door, app.state.api_token = door, token
                app.state.scopes_of = scopes_in(
                    lambda: open_database(f"sqlite:///{tmp_path}/log.db")
                )
                app.state.body_limits = BodyLimits(MAX_UPLOAD, idle_s, total_s)
                app.state.places = Places(places)
                app.state.rates = RateLimit(a_minute)
                app.state.drain = Drain(0)
                place = (settings_in(tmp_path), door, app.state.drain)
                async with (
                    open_jobs_of_worker(*place) as jobs,
                    open_streams_of_worker(*place) as streams,
                ):
                    app.state.jobs, app.state.streams = jobs, streams
                    yield
                door.close()

            app = build_app(lifespan)
            client = stack.enter_context(listening(app))
            return Endpoint(client, door, registry, store, app)

        yield begin
