"""Alerts as signed POST requests.

Only the address of the settings is called: a redirection is refused, because whoever answers there
could lead the request into the network of the sender.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from infra.errors import reason_of
from infra.tables import AlertRow
from infra.webhooks.delivery import DeliveryError, check_status
from infra.webhooks.signing import signed_headers

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
        headers = signed_headers([self.key], alert.id, body)
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client,
                client.stream("POST", self.url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code  # what else it says is not read
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryError(f"{self._host}: {self._reason(error)}") from None
        check_status(self._host, status)

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
