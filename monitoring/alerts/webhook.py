"""Alerts as signed POST requests: https://www.standardwebhooks.com.

    webhook-id         the id of the message; the same at every attempt
    webhook-timestamp  seconds since 1970, of the attempt
    webhook-signature  v1,BASE64 of the HMAC-SHA256 of id.timestamp.body

Only the address of the settings is called: a redirection is refused, because whoever answers there
could lead the request into the network of the sender.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from infra.errors import reason_of
from infra.tables import AlertRow
from monitoring.alerts.sinks import DeliveryError

TIMEOUT_S = 10.0  # to connect, and for each part of the answer


@dataclass(frozen=True)
class WebhookSink:
    """A receiver of Standard Webhooks."""

    url: str = field(repr=False)  # its path may be a secret
    key: bytes = field(repr=False)
    platform: str  # which installation sends

    def send(self, alert: AlertRow) -> None:
        """POST an alert; any status but 2xx is a failure, and 410 Gone the last one."""
        body = json.dumps(self._document(alert), separators=(",", ":")).encode()
        headers = {"content-type": "application/json", **self._signed(alert.id, body)}
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client,
                client.stream("POST", self.url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code  # what else it says is not read
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryError(f"{self._host}: {self._reason(error)}") from None
        if not httpx.codes.is_success(status):
            moved = ", a redirection, which is not followed" if 300 <= status < 400 else ""
            sentence = f"{self._host}: status 2xx expected, found {status}{moved}"
            raise DeliveryError(sentence, is_final=status == httpx.codes.GONE)

    def _signed(self, message: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {
            "webhook-id": message,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(self.key, message, timestamp, body),
        }

    def _document(self, alert: AlertRow) -> dict[str, object]:
        return {
            "type": alert.kind,
            "timestamp": alert.happened_at.isoformat(),
            "data": {
                "platform": self.platform,
                "severity": alert.severity,
                "title": alert.title,
                "detail": alert.detail,
            },
        }

    @property
    def _host(self) -> str:
        return f"webhook at {urlsplit(self.url).hostname}"

    def _reason(self, error: Exception) -> str:
        return reason_of(error).replace(self.url, "its address")


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b".".join((message.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
