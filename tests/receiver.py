"""A real HTTP server that keeps what it gets."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """Where it is, how it answers, and what it got: headers (names in lower case) and body."""

    url: str
    status: int = 204
    location: str | None = None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answering: threading.Event = field(default_factory=threading.Event)
    got: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, patience_s: float = 10.0) -> list[tuple[dict[str, str], bytes]]:
        """The requests, once there are so many."""
        with self.got:
            assert self.got.wait_for(lambda: len(self.requests) >= count, patience_s)
        return self.requests


@contextlib.contextmanager
def receiving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve until the end of the block; while `answering` is cleared, requests get no answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with receiver.got:
                receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                receiver.got.notify_all()
            receiver.answering.wait()
            with contextlib.suppress(OSError):  # the client has left
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("location", receiver.location)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls else "http"
    receiver = Receiver(f"{scheme}://{host}:{server.server_port}/hooks/T0K3N")
    receiver.answering.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()
