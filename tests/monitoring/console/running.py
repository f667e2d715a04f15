"""A console that runs, and somebody who visits it as a browser does."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

import httpx
import uvicorn

from flows.servers.console import desk_of
from infra.settings import settings
from monitoring.console.application import make_console
from monitoring.console.desk import Desk


@contextmanager
def running(desk: Desk) -> Iterator[str]:
    """Serve a desk on its port in a thread; the address."""
    config = uvicorn.Config(
        make_console(desk), host="127.0.0.1", port=desk.here.console_port, log_level="critical"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    assert server.started
    try:
        yield f"http://127.0.0.1:{desk.here.console_port}"
    finally:
        server.should_exit = True
        thread.join()


def desk_here() -> Desk:
    """The console of the settings of the environment, with the powers of flows."""
    return desk_of(settings())


@dataclass
class Visitor:
    """Keeps cookies, follows redirects, and sends forms as the pages of the console do."""

    address: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=self.address, follow_redirects=True, trust_env=False, timeout=60
        )

    def __enter__(self) -> Visitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.client.close()

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        """Open a page."""
        return self.client.get(path, headers={n.replace("_", "-"): v for n, v in headers.items()})

    def sign_in(self, token: str) -> httpx.Response:
        """With a token."""
        form = {"token": token, "to": "/"}
        return self.client.post("/sign-in", data=form, headers={"Origin": self.address})

    def csrf(self) -> str:
        """The token of the forms of this session."""
        match = re.search(r"X-CSRF-Token&#34;:&#34;([0-9a-f]{64})", self.get("/").text)
        assert match
        return match[1]

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of a page."""
        form = {"csrf": self.csrf(), **fields}
        return self.client.post(path, data=form, headers={"Origin": self.address})
