"""Where alerts go."""

from __future__ import annotations

from typing import Protocol

from infra.tables import AlertRow


class DeliveryError(ConnectionError):
    """A sink did not take an alert; the sentence holds no secret."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final  # trying again is of no use


class Sink(Protocol):
    """One place that takes alerts."""

    def send(self, alert: AlertRow) -> None:
        """Deliver an alert; raises DeliveryError."""
