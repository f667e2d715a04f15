"""Where alerts go."""

from __future__ import annotations

from typing import Protocol

from infra.tables import AlertRow


class Sink(Protocol):
    """One place that takes alerts."""

    def send(self, alert: AlertRow) -> None:
        """Deliver an alert; raises DeliveryError."""
