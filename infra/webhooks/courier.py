"""Sends what is due: a thread of each worker, which looks every few seconds and when it is woken.

Receivers are tried side by side, each attempt within a limit of time for all of it. A receiver that
fails is left alone until the next look, so that it holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from infra.errors import SettingsError, UnreachableError, reason_of
from infra.tables import WebhookMessage
from infra.webhooks.delivery import DeliveryError, check_status
from infra.webhooks.outbox import claim, forget_sent, record_failure, record_sent
from infra.webhooks.signing import signed_headers
from infra.webhooks.targets import AllowedTargets, TargetError

ATTEMPT_S = 15.0  # of one attempt, from the name to the status
AT_ONCE = 8
CLEANING_S = 3600.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sender:
    """Posts signed messages to listed addresses."""

    targets: AllowedTargets
    keys: Sequence[bytes] = field(repr=False)

    async def send(self, message: WebhookMessage) -> None:
        """Make one attempt; any status but 2xx, or no answer in time, is a DeliveryError.

        No proxy of the environment is asked: it would look the name up by itself.
        """
        try:
            target = self.targets.target(message.url)  # the list may have become shorter
        except TargetError as error:
            raise DeliveryError(str(error), is_final=True) from error
        address = await asyncio.to_thread(self.targets.address, target)
        body = message.body.encode()
        headers = {**signed_headers(self.keys, message.id, body), "host": target.host_header}
        extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
        try:
            async with (
                asyncio.timeout(ATTEMPT_S),
                httpx.AsyncClient(trust_env=False, verify=_tls(), timeout=ATTEMPT_S) as client,
                client.stream(
                    "POST", target.url_at(address), content=body, headers=headers,
                    extensions=extensions, follow_redirects=False,
                ) as answer,
            ):  # fmt: skip
                status = answer.status_code  # what else it says is not read
        except TimeoutError:
            sentence = f"{target.receiver}: a status within {ATTEMPT_S:g} s expected, none came"
            raise DeliveryError(sentence) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # the error may quote the URL, whose path may be a secret
            reason = reason_of(error).replace(target.path, "/…")
            raise DeliveryError(f"{target.receiver}: {reason}") from None
        check_status(target.receiver, status)


class Courier:
    """The thread that sends what is due."""

    def __init__(
        self, connect: Callable[[], Engine], sender: Sender, interval_s: float = 2.0
    ) -> None:
        self._connect, self._sender, self._interval_s = connect, sender, interval_s
        self._wake, self._closing = threading.Event(), threading.Event()
        self._cleaned = float("-inf")  # monotonic s
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """A message was written: look now."""
        self._wake.set()

    def close(self) -> None:
        """Finish the attempts that were begun; what is not sent waits in the database."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(ATTEMPT_S + 1.0)

    def _run(self) -> None:
        is_away = False
        while not self._closing.is_set():
            try:
                self._look()
            except (UnreachableError, SettingsError, SQLAlchemyError) as error:
                if not is_away:
                    log.warning("webhooks wait, the database is away: %s", reason_of(error))
                is_away = True
            else:
                is_away = False
            self._wake.wait(self._interval_s)
            self._wake.clear()

    def _look(self) -> None:
        engine = self._connect()
        asyncio.run(self._send_all(engine))
        if time.monotonic() - self._cleaned > CLEANING_S:
            forget_sent(engine)
            self._cleaned = time.monotonic()

    async def _send_all(self, engine: Engine) -> None:
        failing: set[str] = set()
        while not self._closing.is_set():
            messages = await asyncio.to_thread(claim, engine, AT_ONCE, failing)
            if not messages:
                return
            outcomes = await asyncio.gather(*(self._send(engine, one) for one in messages))
            failing.update(filter(None, outcomes))

    async def _send(self, engine: Engine, message: WebhookMessage) -> str | None:
        """Try one message; its receiver, if it failed."""
        try:
            await self._sender.send(message)
        except DeliveryError as error:
            log.warning("the webhook %s was not delivered: %s", message.kind, error)
            await asyncio.to_thread(record_failure, engine, message, error)
            return message.receiver
        await asyncio.to_thread(record_sent, engine, message)
        return None


def _tls() -> ssl.SSLContext:
    """The authorities of the system, or those of SSL_CERT_FILE."""
    return ssl.create_default_context()
